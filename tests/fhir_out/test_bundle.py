import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from pneumonia_cli.dicom_out import codes
from pneumonia_cli.dicom_out.answer import Answer
from pneumonia_cli.dicom_out.source import Source
from pneumonia_cli.fhir_out.bundle import bundle, encoded
from pneumonia_cli.reporting.conclusion import LIMITS
from tests.dicom_out.films import HEADER, MODEL, dicom_film, prediction, refusal
from tests.fhir_out.server import FhirStore, Refusal, check

Resources = Callable[..., dict[str, Any]]
NOON = datetime(2024, 9, 17, 12, tzinfo=UTC)
AT_TENTH = {"at_prevalence": {"prevalence": 0.1, "probability": 0.307692}}
CASES: dict[str, dict[str, Any]] = {
    "plain": {},
    "normal": {"pneumonia": 0.02, "triage": "likely_normal", "label": "normal"},
    "indeterminate": {"pneumonia": 0.4, "triage": "indeterminate"},
    "outside": {"in_training_population": False},
    "forced": {"forced": True},
    "elsewhere": AT_TENTH,
    "warned": {"image": {"warnings": ["lateral_view"]}},
}


def document(header: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    answer = Answer(prediction(**fields), MODEL, bool(fields.get("forced")))
    made = bundle(Source.of(dicom_film(**(header or {}))), answer, NOON)
    assert made is not None
    return made


def of_kind(made: dict[str, Any], kind: str, code: str = "") -> dict[str, Any]:
    found = [entry["resource"] for entry in made["entry"] if entry["resource"]["resourceType"] == kind]
    (one,) = [resource for resource in found if not code or code == resource["code"]["coding"][0]["code"]]
    assert isinstance(one, dict)
    return one


def numbers(made: dict[str, Any], code: str) -> dict[str, Any]:
    """The values of the components of an Observation by their codes."""
    components = of_kind(made, "Observation", code)["component"]
    return {part["code"]["coding"][0]["code"]: next(v for n, v in part.items() if n != "code") for part in components}


@pytest.mark.parametrize("fields", CASES.values(), ids=CASES)
@pytest.mark.parametrize(
    "header",
    [
        {},
        dict.fromkeys(set(HEADER) - {n for n in HEADER if n.endswith("InstanceUID")}),
        {"PatientName": "<山田>&^太郎"},
    ],
    ids=["whole", "bare", "unusual"],
)
def test_it_is_valid_and_a_server_takes_it(header: dict[str, Any], fields: dict[str, Any]) -> None:
    made = document(header, **fields)
    check(made)
    answer = FhirStore().transaction(made)
    assert [entry["response"]["status"] for entry in answer["entry"]] == ["201 Created"] * 4


def test_the_check_refuses_what_is_wrong() -> None:
    """Otherwise passing the check would prove nothing."""
    for kind, change in (
        ("DiagnosticReport", {"status": "provisional"}),
        ("DiagnosticReport", {"conclusions": "x"}),
        ("Observation", {"status": None}),
        ("Device", {"deviceName": [{"name": "x", "type": "nickname"}]}),
    ):
        made = document()
        next(e["resource"] for e in made["entry"] if e["resource"]["resourceType"] == kind).update(change)
        with pytest.raises(Refusal):
            check(made)


def test_a_transaction_sent_twice_is_stored_once() -> None:
    store = FhirStore()
    store.transaction(document())
    before = dict(store.resources)
    store.transaction(document())
    assert store.resources == before
    store.transaction(document(forced=True))  # a forced prediction of the image is another report
    assert len(store.of_kind("DiagnosticReport")) == 2
    assert len(store.of_kind("Device")) == 1


def test_the_report_says_its_limits_first() -> None:
    report = of_kind(document(), "DiagnosticReport")
    assert report["status"] == "preliminary"
    assert report["conclusion"].startswith("RESEARCH USE ONLY. NOT A DIAGNOSIS. ")
    assert prediction()["notice"] in report["conclusion"]  # which says whose X-rays the model was trained on
    assert "likely pneumonia" in report["conclusion"]
    assert "Where fewer of them show it, the probability is lower." in report["conclusion"]
    assert "80.0%, if 1 in 2 such X-rays shows pneumonia" in report["conclusion"]
    assert "conclusionCode" not in report
    assert "resultsInterpreter" not in report
    assert (report["effectiveDateTime"], report["issued"]) == ("2024-09-17", "2024-09-17T12:00:00+00:00")
    assert report["imagingStudy"][0]["identifier"] == {
        "system": "urn:dicom:uid", "value": f"urn:oid:{HEADER['StudyInstanceUID']}",
    }  # fmt: skip
    assert report["basedOn"][0]["identifier"]["value"] == HEADER["AccessionNumber"]


@pytest.mark.parametrize("fields", CASES.values(), ids=CASES)
def test_every_text_includes_the_limits(fields: dict[str, Any]) -> None:
    """A viewer may show one resource alone, or one field of it."""
    made = document(**fields)
    report = of_kind(made, "DiagnosticReport")
    observations = [of_kind(made, "Observation", code) for code in ("TRIAGE", "P-PNEUMONIA")]
    for text in [report["conclusion"], *(one["note"][0]["text"] for one in observations)]:
        assert text.startswith(" ".join(LIMITS))
    for one in (report, *observations):
        assert one["text"]["div"].index("RESEARCH USE ONLY") < 60
        assert one["code"]["text"].startswith("Research use only")
        assert one["meta"]["security"][0]["code"] == "AIAST"
        assert one["status"] == "preliminary"
        assert "interpretation" not in one  # a flag is read as a finding
        assert "referenceRange" not in one  # and so is a normal range
    assert "research use only" in observations[0]["valueCodeableConcept"]["text"]
    assert codes.PNEUMONIA.value not in json.dumps(made)  # no code says that pneumonia was found


def test_the_observations_of_a_prediction() -> None:
    made = document()
    triage, probability = (of_kind(made, "Observation", code) for code in ("TRIAGE", "P-PNEUMONIA"))
    assert triage["valueCodeableConcept"]["coding"][0]["code"] == "T-PNEUMONIA"
    assert probability["valueQuantity"] == {
        "value": 80.0, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%",
    }  # fmt: skip
    parts = numbers(made, "P-PNEUMONIA")
    assert parts["SHARE"]["value"] == 50.0
    assert parts["THRESHOLD"]["value"] == 36.0
    assert parts["IMAGE-UID"] == f"urn:oid:{HEADER['SOPInstanceUID']}"
    device = next(e for e in made["entry"] if e["resource"]["resourceType"] == "Device")
    assert triage["device"]["reference"] == probability["device"]["reference"] == device["fullUrl"]


def test_a_probability_is_never_0_or_100_percent() -> None:
    assert of_kind(document(pneumonia=0.0), "Observation", "P-PNEUMONIA")["valueQuantity"]["value"] == 0.1
    assert of_kind(document(pneumonia=1.0), "Observation", "P-PNEUMONIA")["valueQuantity"]["value"] == 99.9


def test_the_probability_at_the_share_that_was_asked_for() -> None:
    made = document(**AT_TENTH)
    assert of_kind(made, "Observation", "P-PNEUMONIA")["valueQuantity"]["value"] == 30.8
    parts = numbers(made, "P-PNEUMONIA")
    assert parts["SHARE"]["value"] == 10.0
    assert "THRESHOLD" not in parts  # the threshold applies to another probability
    assert "1 in 10 such X-rays" in of_kind(made, "DiagnosticReport")["conclusion"]


@pytest.mark.parametrize(("fields", "code"), [(CASES["outside"], "T-OUTSIDE"), (CASES["forced"], "T-FORCED")])
def test_a_caveat_replaces_triage_and_number(fields: dict[str, Any], code: str) -> None:
    made = document(**fields)
    triage, probability = (of_kind(made, "Observation", code) for code in ("TRIAGE", "P-PNEUMONIA"))
    assert triage["valueCodeableConcept"]["coding"][0]["code"] == code
    assert "valueQuantity" not in probability
    assert probability["dataAbsentReason"]["coding"][0]["code"] == "as-text"
    assert "must not be used: likely pneumonia" in of_kind(made, "DiagnosticReport")["conclusion"]


def test_likely_normal_is_not_reported_as_a_normal_chest() -> None:
    made = document(**CASES["normal"])
    for text in (
        of_kind(made, "DiagnosticReport")["conclusion"],
        of_kind(made, "Observation", "TRIAGE")["valueCodeableConcept"]["text"],
    ):
        assert "likely normal (for pneumonia only)" in text


def test_the_patient_is_named_as_in_the_header() -> None:
    made = document({"IssuerOfPatientID": "ZZISSUER", "PatientName": "Müller^Jörg^^Dr."})
    for entry in made["entry"]:
        if entry["resource"]["resourceType"] != "Device":
            subject = entry["resource"]["subject"]
            assert subject["identifier"]["value"] == HEADER["PatientID"]
            assert subject["identifier"]["assigner"] == {"display": "ZZISSUER"}
            assert subject["display"] == "Dr. Jörg Müller, born 2019-05-23, female"
    (device,) = [e for e in made["entry"] if e["resource"]["resourceType"] == "Device"]
    assert "ZZ" not in json.dumps(device)
    assert "ZZ" not in json.dumps([entry["request"] for entry in made["entry"]])  # servers log addresses


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("=山田^太郎", "太郎 山田, "),
        ("^^^^=山田^太郎=やまだ^たろう", "太郎 山田, "),
        ("Yamada^Tarou=山田^太郎", "Tarou Yamada, "),
        ("^=^", ""),
    ],
)
def test_a_name_without_latin_letters(written: str, shown: str) -> None:
    report = of_kind(document({"PatientName": written}), "DiagnosticReport")
    assert report["subject"]["display"] == f"{shown}born 2019-05-23, female"


def test_two_patients_under_one_uid_have_a_report_each() -> None:
    store = FhirStore()
    for header in ({}, {"PatientID": "OTHER"}, {"IssuerOfPatientID": "ELSEWHERE"}):
        for _ in range(2):
            store.transaction(document(header))
    assert len(store.of_kind("DiagnosticReport")) == 3
    assert len(store.of_kind("Device")) == 1


def test_elements_that_the_header_lacks_are_unknown() -> None:
    report = of_kind(document({"PatientID": None, "StudyDate": None}), "DiagnosticReport")
    assert "identifier" not in report["subject"]
    assert report["subject"]["extension"][0]["valueCode"] == "unknown"
    assert "no patient id" in report["subject"]["display"]
    assert report["_effectiveDateTime"]["extension"][0]["valueCode"] == "unknown"


def test_a_refusal_has_no_report() -> None:
    assert bundle(Source.of(dicom_film()), refusal()) is None


def test_the_bytes_are_the_same_each_time() -> None:
    assert encoded(document()) == encoded(document())
