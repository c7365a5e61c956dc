"""Texts and schemas of POST /studies (STOW-RS, PS3.18, 10.5)."""

from typing import Any, Final

from pneumonia.http import store_response
from pneumonia.http.related import DICOM, MAX_PARTS, RELATED
from pneumonia.http.stow import ANSWERS, MAX_BODY_BYTES
from tools.openapi.schemas import EXAMPLE_HASH

Schema = dict[str, Any]

STORE_DESCRIPTION: Final = (
    "Each instance becomes an upload that the worker predicts. Its RetrieveURL (0008,1190) is the address of the "
    "result, GET /results/{upload_id}. Instances cannot be retrieved. The same bytes sent again have the same result. "
    "The service does not store an instance that cannot be predicted by its header (another modality, FOR PROCESSING, "
    "no pixels, truncated). Its Failure Reason (0008,1197) says why (docs/dicomweb.md).\n\n"
    f"At most {MAX_PARTS} parts, and {MAX_BODY_BYTES} bytes after gzip is removed. Lambda takes 6 MB in one request, "
    "about 4.5 MB of instances, and returns 413 above that. Send larger instances with POST /uploads."
)

STUDY: Final[Schema] = {
    "name": "study",
    "in": "path",
    "required": True,
    "description": "The Study Instance UID that all instances must have. Instances of other studies fail",
    "schema": {"type": "string", "pattern": "^[0-9][0-9.]{0,63}$"},
    "example": "1.2.826.0.1.3680043.2.1125.2",
}

_BINARY: Final[Schema] = {"schema": {"type": "string", "format": "binary"}}
STORE_BODY: Final[Schema] = {
    "required": True,
    "description": (
        f'{RELATED}; type="{DICOM}"; boundary=... with one instance (a PS3.10 file) in each part, or one instance '
        "alone. Metadata with bulk data is refused. The body may be compressed with gzip (Content-Encoding)."
    ),
    "content": {RELATED: _BINARY, DICOM: _BINARY},
}

_CR: Final = "1.2.840.10008.5.1.4.1.1.1"
_UID: Final = "1.2.826.0.1.3680043.2.1125.1"


def _attribute(vr: str, description: str, *, empty: bool = False) -> Schema:
    value = {"type": "array", "minItems": 1, "maxItems": 1, "items": {"type": "integer" if vr == "US" else "string"}}
    required = ["vr"] if empty else ["vr", "Value"]
    return {
        "type": "object",
        "description": description,
        "required": required,
        "properties": {"vr": {"const": vr}, "Value": value},
    }


def _sequence(description: str, properties: Schema, optional: tuple[str, ...] = ()) -> Schema:
    required = [tag for tag in properties if tag not in optional]
    item = {"type": "object", "required": required, "properties": properties}
    items = {"type": "array", "minItems": 1, "items": item}
    return {
        "type": "object",
        "description": description,
        "required": ["vr", "Value"],
        "properties": {"vr": {"const": "SQ"}, "Value": items},
    }


_REFERENCE: Final[Schema] = {
    "00081150": _attribute("UI", "Referenced SOP Class UID"),
    "00081155": _attribute("UI", "Referenced SOP Instance UID"),
}
_FAILURE: Final[Schema] = {"00081197": _attribute("US", "Failure Reason")}

STORED_INSTANCES: Final[Schema] = {
    "type": "object",
    "description": "The Store Instances Response Module in the DICOM JSON Model (PS3.18, annexes I and F)",
    "required": ["00081190"],
    "properties": {
        "00081190": _attribute("UR", "Retrieve URL of the study: always empty", empty=True),
        "00081198": _sequence("Failed SOP Sequence: instances that were not stored", {**_REFERENCE, **_FAILURE}),
        "00081199": _sequence(
            "Referenced SOP Sequence: instances that were stored",
            {
                **_REFERENCE,
                "00081190": _attribute("UR", "Retrieve URL: the address of the result"),
                "00081196": _attribute("US", "Warning Reason: B007 if the file meta group names another instance"),
            },
            ("00081196",),
        ),
        "0008119A": _sequence("Other Failures Sequence: parts whose instance is not known", _FAILURE),
    },
}

STORED_EXAMPLE: Final = store_response.as_json(
    [
        store_response.Outcome(_CR, _UID, f"https://xyz.lambda-url.eu-central-1.on.aws/results/{EXAMPLE_HASH}"),
        store_response.Outcome(_CR, f"{_UID}.2", reason=store_response.DAMAGED),
    ]
)


def store_responses() -> Schema:
    """Return the responses by status, without the problem documents."""
    described = {
        "200": "All instances were stored",
        "202": "Some were stored, or some with a warning",
        "409": "None was stored",
    }
    media = {"schema": {"$ref": "#/components/schemas/StoredInstances"}, "example": STORED_EXAMPLE}
    content = {name: {"schema": {"type": "string"}} if name == store_response.XML else media for name in ANSWERS}
    return {status: {"description": text, "content": content} for status, text in described.items()}
