"""The response to a DICOMweb store request: the Store Instances Response Module (PS3.18, annex I), as JSON or XML."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

JSON: Final = "application/dicom+json"
XML: Final = "application/dicom+xml"

CONTRADICTION: Final = 0xB007
"""Warning Reason: data set does not match SOP Class (PS3.18, I.2.1)."""

OUT_OF_RESOURCES: Final = 0xA700
NOT_DICOM: Final = 0xC000
DAMAGED: Final = 0xC001
NO_UIDS: Final = 0xC002
OTHER_STUDY: Final = 0xC003
OTHER_SYNTAX: Final = 0xC122
NO_RADIOGRAPH: Final = 0x0122
"""Failure Reasons (PS3.18, I.2.2). This service defines 0xC000 to 0xC003 (docs/dicomweb.md)."""

_NATIVE_MODEL: Final = "http://dicom.nema.org/PS3.19/models/NativeDICOM"


@dataclass(frozen=True)
class Outcome:
    """The outcome of one part.

    Attributes:
        sop_class_uid, sop_instance_uid: the instance; None if unknown.
        url: the address of the result; None if the instance was not stored.
        reason: the Failure Reason or Warning Reason; None without either.
    """

    sop_class_uid: str | None = None
    sop_instance_uid: str | None = None
    url: str | None = None
    reason: int | None = None


@dataclass(frozen=True)
class _Attribute:
    tag: str
    keyword: str
    vr: str
    value: "str | int | list[list[_Attribute]] | None"


def status_of(outcomes: Sequence[Outcome]) -> int:
    """Return 200 if all parts were stored without a warning, 409 if none was stored, and 202 otherwise.

    See PS3.18, table 10.5.3-1.
    """
    if all(outcome.url is None for outcome in outcomes):
        return 409
    return 200 if all(outcome.reason is None for outcome in outcomes) else 202


def as_json(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Return the response in the DICOM JSON Model (PS3.18, annex F), as one object."""
    return _json_of(_module(outcomes))


def as_xml(outcomes: Sequence[Outcome]) -> str:
    """Return the response in the Native DICOM Model (PS3.19, annex A)."""
    # Imported here, because few callers ask for XML. XML is only written, never parsed.
    from xml.etree import ElementTree  # nosec B405

    root = ElementTree.Element("NativeDicomModel", {"xmlns": _NATIVE_MODEL})

    def add(parent: ElementTree.Element, attributes: Sequence[_Attribute]) -> None:
        for one in attributes:
            names = {"tag": one.tag, "vr": one.vr, "keyword": one.keyword}
            element = ElementTree.SubElement(parent, "DicomAttribute", names)
            if isinstance(one.value, list):
                for number, item in enumerate(one.value, 1):
                    add(ElementTree.SubElement(element, "Item", {"number": str(number)}), item)
            elif one.value is not None:
                ElementTree.SubElement(element, "Value", {"number": "1"}).text = str(one.value)

    add(root, _module(outcomes))
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written.decode()


def _module(outcomes: Sequence[Outcome]) -> list[_Attribute]:
    """Return the attributes in the order of their tags. RetrieveURL is empty, because studies cannot be retrieved."""
    stored = [_item(one, "WarningReason") for one in outcomes if one.url is not None]
    lost = [one for one in outcomes if one.url is None]
    named = [_item(one, "FailureReason") for one in lost if one.sop_class_uid and one.sop_instance_uid]
    others = [[_reason(one, "FailureReason")] for one in lost if not (one.sop_class_uid and one.sop_instance_uid)]
    sequences = (
        ("00081198", "FailedSOPSequence", named),
        ("00081199", "ReferencedSOPSequence", stored),
        ("0008119A", "OtherFailuresSequence", others),
    )
    return [
        _Attribute("00081190", "RetrieveURL", "UR", None),
        *(_Attribute(tag, keyword, "SQ", items) for tag, keyword, items in sequences if items),
    ]


def _item(outcome: Outcome, reason: str) -> list[_Attribute]:
    def attributes() -> Iterator[_Attribute]:
        yield _Attribute("00081150", "ReferencedSOPClassUID", "UI", outcome.sop_class_uid)
        yield _Attribute("00081155", "ReferencedSOPInstanceUID", "UI", outcome.sop_instance_uid)
        if outcome.url is not None:
            yield _Attribute("00081190", "RetrieveURL", "UR", outcome.url)
        if outcome.reason is not None:
            yield _reason(outcome, reason)

    return sorted(attributes(), key=lambda one: one.tag)


def _reason(outcome: Outcome, keyword: str) -> _Attribute:
    tag = {"WarningReason": "00081196", "FailureReason": "00081197"}[keyword]
    return _Attribute(tag, keyword, "US", outcome.reason)


def _json_of(attributes: Sequence[_Attribute]) -> dict[str, Any]:
    return {one.tag: {"vr": one.vr, **_value(one)} for one in attributes}


def _value(one: _Attribute) -> dict[str, Any]:
    if one.value is None:
        return {}
    return {"Value": [_json_of(item) for item in one.value] if isinstance(one.value, list) else [one.value]}
