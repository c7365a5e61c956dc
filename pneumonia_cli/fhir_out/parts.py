"""Small parts of FHIR resources: codes, identifiers, references, and the patient data of the header."""

import html
import uuid
from collections.abc import Iterable
from typing import Any, Final

from pydicom.sr.coding import Code

from pneumonia_cli.dicom_out import codes
from pneumonia_cli.dicom_out.source import Source

Json = dict[str, Any]

URI: Final = "urn:ietf:rfc:3986"
"""The system of identifiers that are URIs themselves."""
DICOM_UID: Final = "urn:dicom:uid"
_TYPES: Final = "http://terminology.hl7.org/CodeSystem/v2-0203"
_SEXES: Final = {"M": "male", "F": "female", "O": "other sex"}
ABSENT_REASONS: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
AI_ASSERTED: Final = {
    "system": "http://terminology.hl7.org/CodeSystem/v3-ObservationValue",
    "code": "AIAST",
    "display": "Artificial Intelligence asserted",
}
"""The security label for statements by artificial intelligence."""


def coded(system: str, code: str, display: str) -> Json:
    """Return a CodeableConcept with one code from a FHIR code system."""
    return {"coding": [{"system": system, "code": code, "display": display}]}


def concept(*found: Code, text: str = "") -> Json:
    """Return a CodeableConcept. `text`: the text for people, by default the meaning of the first code."""
    coding = [
        {"system": codes.SYSTEMS[code.scheme_designator], "code": code.value, "display": code.meaning} for code in found
    ]
    return {"coding": coding, "text": text or found[0].meaning}


def percentage(value: float) -> Json:
    """Return a Quantity in percent."""
    unit = codes.PERCENT
    return {"value": value, "unit": "%", "system": codes.SYSTEMS[unit.scheme_designator], "code": unit.value}


def absent(reason: str) -> list[Json]:
    """Return the extension that says why an element has no value."""
    return [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": reason}]


def uuid_of(uid: str) -> str:
    """Return the URN of the UUID in a UID below 2.25."""
    return f"urn:uuid:{uuid.UUID(int=int(uid.removeprefix('2.25.')))}"


def narrative(sentences: Iterable[str]) -> Json:
    """Return the text of a resource, with a paragraph for each sentence."""
    paragraphs = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in sentences)
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{paragraphs}</div>'}


def patient(source: Source, system: str = "") -> Json:
    """Return a logical reference to the patient by the id in the header, with details that people can verify.

    `system`: the URI of the ids, if known. DICOM has no element for it.

    No Patient is created, since the hospital that reads the report already has one. If the header has no id, the
    reference says that the patient is unknown.
    """
    header = source.header
    birth = str(header.get("PatientBirthDate") or "")
    told = [
        *([name] if (name := _name(source)) else []),
        *([f"born {iso_date(birth)}"] if birth else []),
        *([_SEXES[str(header.PatientSex)]] if str(header.PatientSex) else []),
    ]
    number = str(header.get("PatientID") or "")
    if not number:
        display = ", ".join(told) or "Not named in the image"
        return {"extension": absent("unknown"), "type": "Patient", "display": f"{display} (no patient id in the image)"}
    identifier: Json = {"use": "usual", "type": coded(_TYPES, "MR", "Medical record number"), "value": number}
    if system:
        identifier["system"] = system
    if issuer := str(header.get("IssuerOfPatientID") or ""):
        identifier["assigner"] = {"display": issuer}
    return {"type": "Patient", "identifier": identifier, **({"display": ", ".join(told)} if told else {})}


def study(source: Source) -> Json:
    """Return a logical reference to the ImagingStudy by its UID."""
    return {
        "type": "ImagingStudy",
        "identifier": {"system": DICOM_UID, "value": f"urn:oid:{source.study_instance_uid}"},
    }


def order(source: Source) -> Json:
    """Return `basedOn`, a logical reference to the order by its accession number. Empty if the header has none."""
    number = str(source.header.get("AccessionNumber") or "")
    identifier = {"type": coded(_TYPES, "ACSN", "Accession ID"), "value": number}
    return {"basedOn": [{"type": "ServiceRequest", "identifier": identifier}]} if number else {}


def effective(source: Source) -> Json:
    """Return the date of the study without a time: FHIR requires a time zone with it, which DICOM headers lack."""
    when = str(source.header.get("StudyDate") or "")
    if when:
        return {"effectiveDateTime": iso_date(when)}
    return {"_effectiveDateTime": {"extension": absent("unknown")}}


def iso_date(date: str) -> str:
    """Convert YYYYMMDD to YYYY-MM-DD."""
    return f"{date[:4]}-{date[4:6]}-{date[6:]}"


def entry(resource: Json, full_url: str) -> Json:
    """Return a transaction entry that creates a resource unless a resource with the same identifier exists."""
    (identifier,) = resource["identifier"]
    once = f"identifier={identifier['system']}|{identifier['value']}"
    request = {"method": "POST", "url": resource["resourceType"], "ifNoneExist": once}
    return {"fullUrl": full_url, "resource": resource, "request": request}


def component(code: Code, **value: Any) -> Json:
    """Return a component of an Observation. `value` is one `value[x]`."""
    return {"code": concept(code), **value}


def _name(source: Source) -> str:
    """Return the name of the patient as people write it."""
    family, given, middle, prefix, suffix = source.name_parts
    return " ".join(part for part in (prefix, given, middle, family, suffix) if part)
