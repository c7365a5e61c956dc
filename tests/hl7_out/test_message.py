from datetime import UTC, datetime
from typing import Any

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.parser import parse_message

from pneumonia_cli.dicom_out.answer import Answer
from pneumonia_cli.dicom_out.source import Source
from pneumonia_cli.hl7_out import message as module
from pneumonia_cli.hl7_out.message import Route, control_id, message
from pneumonia_cli.reporting.conclusion import LIMITS
from tests.dicom_out.films import HEADER, MODEL, dicom_film, prediction, refusal
from tests.fhir_out.test_bundle import AT_TENTH, CASES

NOON = datetime(2024, 9, 17, 12, tzinfo=UTC)


def text_of(header: Any = None, route: Any = None, **fields: Any) -> str:
    answer = Answer(prediction(**fields), MODEL, bool(fields.get("forced")))
    made = message(Source.of(dicom_film(**(header or {}))), answer, route or Route(), NOON)
    assert made is not None
    return made.decode()


def segment(text: str, name: str) -> list[str]:
    """Return the fields of the only segment of a name. [0] is the name."""
    (found,) = [line for line in text.split("\r") if line.startswith(f"{name}|")]
    return found.split("|")


def observed(text: str) -> dict[str, list[str]]:
    """Return the fields of every OBX by the code of OBX-3 and the sub-id of OBX-4."""
    rows = [line.split("|") for line in text.split("\r") if line.startswith("OBX|")]
    return {row[3].split("^")[0] + row[4]: row for row in rows}


HEADERS: dict[str, dict[str, Any]] = {
    "whole": {},
    "bare": dict.fromkeys(set(HEADER) - {n for n in HEADER if n.endswith("InstanceUID")} - {"PatientID"}),
    "unusual": {
        "PatientName": "山田^太郎", "PatientID": "A|B^C&D~E", "IssuerOfPatientID": "Z&Z", "StudyTime": "081533.25",
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("header", "fields"),
    [*(("whole", name) for name in CASES), ("bare", "plain"), ("unusual", "plain")],
)
def test_it_is_valid(header: str, fields: str) -> None:
    text = text_of(HEADERS[header], **CASES[fields])
    parsed = parse_message(text, validation_level=VALIDATION_LEVEL.STRICT)
    assert parsed.validate()
    assert parsed.to_er7() == text.rstrip("\r")
    if header == "bare":
        assert segment(text, "PID")[5] == "^^^^^^U"


def test_an_invalid_message_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_pid", lambda _source: "PID|1||ZZID||ZZNAME||20249999")
    with pytest.raises(ValueError, match="not valid") as raised:
        text_of()
    assert "ZZ" not in str(raised.value)


def test_patient_and_study() -> None:
    text = text_of({"PatientName": "Müller^Jörg^^Dr.", "IssuerOfPatientID": "HOSPITAL"}, Route("ZZH", "RIS", "MAIN"))
    assert segment(text, "MSH")[2:6] == ["pneumonia-inference", "ZZH", "RIS", "MAIN"]
    pid = segment(text, "PID")
    assert pid[3] == f"{HEADER['PatientID']}^^^HOSPITAL^MR"
    assert pid[5:9] == ["Müller^Jörg^^^Dr.", "", "20190523", "F"]
    obr = segment(text, "OBR")
    assert (obr[4], obr[7]) == (
        "TRIAGE-REPORT^Triage of a chest X-ray by a research model, not a diagnosis^99PNEUMONIA"
        "^18748-4^Diagnostic imaging study^LN",
        "20240917081533",
    )
    assert (obr[18], obr[24], obr[25]) == (HEADER["AccessionNumber"], "RAD", "P")


def test_a_name_without_latin_letters() -> None:
    assert segment(text_of({"PatientName": "=山田^太郎"}), "PID")[5] == "山田^太郎"


def test_two_patients_under_one_uid_have_a_message_each() -> None:
    one, other = text_of(), text_of({"PatientID": "OTHER"})
    assert control_id(one.encode()) != control_id(other.encode())
    assert segment(one, "OBR")[3] != segment(other, "OBR")[3]


def test_the_words_come_first_and_nothing_is_flagged_or_final() -> None:
    text = text_of()
    rows = [line.split("|") for line in text.split("\r") if line.startswith("OBX|")]
    assert rows[0][5] == " ".join(LIMITS)
    first, second = str(prediction()["notice"]).split(". ")
    lines = [f"{first}.", second, "Triage for pneumonia: likely pneumonia."]
    assert [row[5] for row in rows[1:4]] == lines
    for row in rows:
        assert row[7:11] == ["", "", "", ""]  # a range or a flag is read as a finding
        assert row[11] == "P"
    found = observed(text)
    assert found["P-PNEUMONIA"][5:7] == ["80.0", "%^percent^UCUM"]
    assert (found["SHARE"][5], found["THRESHOLD"][5]) == ("50", "36.0")
    assert found["TRIAGE"][5].startswith("T-PNEUMONIA^likely pneumonia [research use only, not a diagnosis]^")
    assert found["110180"][5] == HEADER["StudyInstanceUID"]
    assert found["IMAGE-UID"][5] == HEADER["SOPInstanceUID"]
    assert "tiny 1.2.3" in found["MODEL"][5]
    assert "233604007" not in text


@pytest.mark.parametrize(("name", "code"), [("outside", "T-OUTSIDE"), ("forced", "T-FORCED")])
def test_a_caveat_replaces_triage_and_number(name: str, code: str) -> None:
    text = text_of(**CASES[name])
    found = observed(text)
    assert found["TRIAGE"][5].startswith(f"{code}^No triage")
    assert (found["P-PNEUMONIA"][5], found["P-PNEUMONIA"][11]) == ("", "X")
    lines = [row[5] for name, row in found.items() if name.startswith("CONCLUSION")]
    assert (
        "The model's own answer must not be used: likely pneumonia; 80.0%, if 1 in 2 such X-rays shows pneumonia."
        in lines
    )
    assert "SHARE" not in found


def test_the_probability_at_the_share_that_was_asked_for() -> None:
    found = observed(text_of(**AT_TENTH))
    assert (found["P-PNEUMONIA"][5], found["SHARE"][5]) == ("30.8", "10")
    assert "THRESHOLD" not in found


def test_the_same_result_has_the_same_ids() -> None:
    def ids(**fields: Any) -> tuple[str, str]:
        text = text_of(**fields)
        return control_id(text.encode()), segment(text, "OBR")[3]

    assert ids() == ids()
    assert ids() != ids(forced=True)
    assert len(ids()[0]) == 20


def test_a_long_issuer_is_not_cut() -> None:
    issuer = "The Hospital of a Long Name"
    assert segment(text_of({"IssuerOfPatientID": issuer}), "PID")[3].split("^")[3] == f"&{issuer}&L"


@pytest.mark.parametrize("time", ["08", "", "0815"])
def test_times_that_hl7_cannot_write(time: str) -> None:
    told = segment(text_of({"StudyTime": time}), "OBR")[7]
    assert told == ("202409170815" if time == "0815" else "20240917")


def test_no_message_without_a_patient_id_or_after_a_refusal() -> None:
    assert message(Source.of(dicom_film()), refusal(), Route()) is None
    assert message(Source.of(dicom_film(PatientID=None)), Answer(prediction(), MODEL, False), Route()) is None
