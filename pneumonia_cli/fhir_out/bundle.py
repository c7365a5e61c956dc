"""Make a FHIR R4B transaction of one prediction: DiagnosticReport, two Observations, and a Device for the model."""

import json
from datetime import UTC, datetime
from typing import Final

from pneumonia_cli.dicom_out import codes
from pneumonia_cli.dicom_out.answer import Answer
from pneumonia_cli.dicom_out.equipment import MANUFACTURER
from pneumonia_cli.dicom_out.source import Source
from pneumonia_cli.dicom_out.uids import derived, of_report
from pneumonia_cli.fhir_out import parts
from pneumonia_cli.fhir_out.parts import Json
from pneumonia_cli.reporting.conclusion import SCOPE, conclusion, limits, percentage_of, spoken
from pneumonia_cli.reporting.verdict import caveat_of, number_of

_RADIOLOGY: Final = parts.coded("http://terminology.hl7.org/CodeSystem/v2-0074", "RAD", "Radiology")
_IMAGING: Final = parts.coded("http://terminology.hl7.org/CodeSystem/observation-category", "imaging", "Imaging")
_REPORT: Final = "Research use only: pneumonia triage of a chest X-ray by software (not a radiologist's report)"
_PROBABILITY: Final = "Research use only: probability of pneumonia in a chest X-ray, calculated by software"
_TRIAGE: Final = "Research use only: triage of a chest X-ray for pneumonia by software"


def bundle(source: Source, answer: Answer, issued: datetime | None = None, *, patient_system: str = "") -> Json | None:
    """Return the transaction of one prediction as a JSON document.

    Returns None after a refusal, which is not a result about a patient. `issued`: the time of the report, now by
    default. `patient_system`: the URI of the patient ids, if known. Everything else, including identifiers, is derived
    from the image, the model and the choices of the caller, so that a server does not create the same report twice.
    """
    if answer.refused:
        return None
    uids = {kind: of_report(f"fhir {kind}", source, answer) for kind in ("report", "probability", "triage")}
    device_uid = derived("device", "", answer.model["sha256"], {})
    urls = {kind: parts.uuid_of(uid) for kind, uid in {**uids, "device": device_uid}.items()}
    subject = parts.patient(source, patient_system)
    when = (issued or datetime.now(UTC)).isoformat(timespec="seconds")
    made = {
        "device": _device(answer, device_uid),
        "probability": {**_observation(source, subject, urls, "probability", when), **_probability(source, answer)},
        "triage": {**_observation(source, subject, urls, "triage", when), **_triage(source, answer)},
        "report": _report(source, answer, subject, urls, when),
    }
    return {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [parts.entry(resource, urls[kind]) for kind, resource in made.items()],
    }


def encoded(document: Json) -> bytes:
    """Return a document as the bytes of a file. Equal documents give equal bytes."""
    return json.dumps(document, indent=1, ensure_ascii=False).encode()


def _device(answer: Answer, uid: str) -> Json:
    model = answer.model
    note = "Research use only. This is not a medical device and has no UDI."
    return {
        "resourceType": "Device",
        "text": parts.narrative([note, f"{model['name']} {model['version']} by {MANUFACTURER}"]),
        "identifier": [{"system": parts.URI, "value": f"urn:oid:{uid}"}],
        "status": "active",
        "manufacturer": MANUFACTURER,
        "deviceName": [{"name": model["name"], "type": "model-name"}],
        "type": parts.concept(codes.SOFTWARE),
        "version": [
            {"type": {"text": "version of the model"}, "value": model["version"]},
            {"type": {"text": "sha256 of the model"}, "value": model["sha256"]},
        ],
        "note": [{"text": note}],
    }


def _report(source: Source, answer: Answer, subject: Json, urls: dict[str, str], when: str) -> Json:
    sentences = conclusion(answer.fields, answer.model)
    return {
        "resourceType": "DiagnosticReport",
        "meta": {"security": [parts.AI_ASSERTED]},
        "text": parts.narrative(sentences),
        "identifier": [{"system": parts.URI, "value": urls["report"]}],
        **parts.order(source),
        "status": "preliminary",
        "category": [_RADIOLOGY],
        "code": parts.concept(codes.TRIAGE_REPORT, codes.IMAGING_STUDY, text=_REPORT),
        "subject": subject,
        **parts.effective(source),
        "issued": when,
        "result": [{"reference": urls["triage"]}, {"reference": urls["probability"]}],
        "imagingStudy": [parts.study(source)],
        "conclusion": " ".join(sentences),
    }


def _observation(source: Source, subject: Json, urls: dict[str, str], kind: str, when: str) -> Json:
    """Return the elements that both Observations have."""
    return {
        "resourceType": "Observation",
        "meta": {"security": [parts.AI_ASSERTED]},
        "identifier": [{"system": parts.URI, "value": urls[kind]}],
        **parts.order(source),
        "status": "preliminary",
        "category": [_IMAGING],
        "subject": subject,
        **parts.effective(source),
        "issued": when,
        "device": {"reference": urls["device"]},
        "derivedFrom": [parts.study(source)],
    }


def _probability(source: Source, answer: Answer) -> Json:
    fields = answer.fields
    number, prevalence = number_of(fields)
    components = [parts.component(codes.SHARE, valueQuantity=parts.percentage(100 * prevalence))]
    if "at_prevalence" not in fields:  # the threshold applies only to the calibrated probability
        threshold = percentage_of(float(fields["threshold"]))
        name = parts.concept(codes.LABEL_THRESHOLD, codes.THRESHOLD)
        components.append({"code": name, "valueQuantity": parts.percentage(threshold)})
    value: Json = {"valueQuantity": parts.percentage(percentage_of(number))}
    if caveat_of(fields) is not None:
        # Lists and curves would show the number without its caveat, so only the text contains the number.
        value, components = {"dataAbsentReason": parts.coded(parts.ABSENT_REASONS, "as-text", "As Text")}, []
    told = [*limits(fields), spoken(fields)[1], *SCOPE]
    return {
        **_told(told, parts.concept(codes.PERCENT_PNEUMONIA, codes.PROBABILITY, text=_PROBABILITY)),
        **value,
        "component": [*components, *_images(source)],
    }


def _triage(source: Source, answer: Answer) -> Json:
    fields = answer.fields
    told = [*limits(fields), spoken(fields)[0], *SCOPE]
    code = codes.triage_code(fields)
    return {
        **_told(told, parts.concept(codes.TRIAGE, text=_TRIAGE)),
        # Some lists show only this text.
        "valueCodeableConcept": parts.concept(code, text=f"{code.meaning} [research use only, not a diagnosis]"),
        "component": [
            parts.component(codes.OUTSIDE_POPULATION, valueCodeableConcept=_yes_no(answer.outside_population)),
            parts.component(codes.FORCED, valueCodeableConcept=_yes_no(answer.force)),
            *_images(source),
        ],
    }


def _told(sentences: list[str], code: Json) -> Json:
    """Return the code of an Observation and its words, with the limits first."""
    return {"text": parts.narrative(sentences), "code": code, "note": [{"text": " ".join(sentences)}]}


def _images(source: Source) -> list[Json]:
    """Return the component that names the image, since a study with two images has two reports."""
    return [parts.component(codes.IMAGE_UID, valueString=f"urn:oid:{source.sop_instance_uid}")]


def _yes_no(value: bool | None) -> Json:
    return parts.concept({True: codes.YES, False: codes.NO, None: codes.UNKNOWN}[value])
