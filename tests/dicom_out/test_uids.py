import re

from pneumonia_cli.dicom_out.uids import derived

MODEL, OTHER = "a" * 64, "b" * 64


def test_the_same_result_is_the_same_instance() -> None:
    assert derived("report", "1.2.3", MODEL, {}) == derived("report", "1.2.3", MODEL, {})


def test_another_source_model_kind_or_choice_is_another_instance() -> None:
    found = {
        derived("report", "1.2.3", MODEL, {}),
        derived("picture", "1.2.3", MODEL, {}),
        derived("report", "1.2.4", MODEL, {}),
        derived("report", "1.2.3", OTHER, {}),
        derived("report", "1.2.3", MODEL, {"force": True}),
        derived("report", "1.2.3", MODEL, {"prevalence": 0.1}),
    }
    assert len(found) == 6
    assert all(re.fullmatch(r"2\.25\.[1-9]\d{0,38}", uid) for uid in found)


def test_uids_stay_those_of_earlier_versions() -> None:
    """This value must never change, so that instances in a PACS are recognized."""
    assert derived("report", "1.2.3", MODEL, {}) == "2.25.148347453044730114176707941629251878534"
