"""The required value sets of FHIR R4B for the elements of reports. fhir.resources does not check these bindings."""

from collections.abc import Iterator
from typing import Any

_REPORT = {"registered", "partial", "preliminary", "final", "amended", "corrected", "appended", "cancelled",
           "entered-in-error", "unknown"}  # fmt: skip
_OBSERVATION = {"registered", "preliminary", "final", "amended", "corrected", "cancelled", "entered-in-error",
                "unknown"}  # fmt: skip
BINDINGS: dict[str, set[str]] = {
    "Bundle.type": {"document", "message", "transaction", "transaction-response", "batch", "batch-response", "history",
                    "searchset", "collection"},
    "Bundle.entry.request.method": {"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"},
    "DiagnosticReport.status": _REPORT,
    "Observation.status": _OBSERVATION,
    "Device.status": {"active", "inactive", "entered-in-error", "unknown"},
    "Device.deviceName.type": {"udi-label-name", "user-friendly-name", "patient-reported-name", "manufacturer-name",
                               "model-name", "other"},
    "*.text.status": {"generated", "extensions", "additional", "empty"},
    "*.identifier.use": {"usual", "official", "temp", "secondary", "old"},
}  # fmt: skip
_ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"
_REASONS = {"unknown", "asked-unknown", "temp-unknown", "not-asked", "asked-declined", "masked", "not-applicable",
            "unsupported", "as-text", "error", "not-a-number", "negative-infinity", "positive-infinity",
            "not-performed", "not-permitted"}  # fmt: skip
_TYPES = {"Patient", "ImagingStudy", "ServiceRequest"}


def wrong_codes(document: Any, path: str = "") -> list[str]:
    """Return the elements whose code is not in the required value set."""
    return list(_wrong(document, path or document["resourceType"]))


def _wrong(value: Any, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _wrong(item, path)
    elif isinstance(value, dict):
        here = value.get("resourceType", path)
        if value.get("url") == _ABSENT and value.get("valueCode") not in _REASONS:
            yield f"{here}: data-absent-reason"
        if "reference" not in value and "identifier" in value and value.get("type") and isinstance(value["type"], str):
            yield from () if value["type"] in _TYPES else [f"{here}.type"]
        for name, item in value.items():
            yield from _wrong(item, f"{here}.{name}")
    else:
        allowed = BINDINGS.get(path) or next((codes for end, codes in BINDINGS.items() if _ends(path, end)), None)
        if allowed is not None and value not in allowed:
            yield f"{path}: {value!r}"


def _ends(path: str, pattern: str) -> bool:
    return pattern.startswith("*.") and path.endswith(pattern[1:])
