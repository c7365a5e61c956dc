"""The bodies of the API in JSON Schema (2020-12, as OpenAPI 3.1 wants it), each with an example.

Objects may gain members later: clients leave alone what they do not know.
"""

from typing import Any, Final

from pneumonia.decode.formats import NAMES
from pneumonia.decode.image import FUNCTIONS, UID_PATTERN
from pneumonia.errors import help_path
from pneumonia.http.uploads import CONTENT_TYPES
from pneumonia.settings import AUTH_MODES
from pneumonia.uploads.feedback import REASONS, VERDICTS

Schema = dict[str, Any]

EXAMPLE_ID: Final = "01lg6r0m-0ad94a51b7e8a97c568846c79cb2789c"
EXAMPLE_HASH: Final = "01lg6r0m-" + "9f86d081884c7d659a2feaa0c55ad015" * 2
EXAMPLE_CORRELATION_ID: Final = "8a1f0c3e-9d2b-5e47-b6a0-3c5d7e9f1b24"
EXAMPLE_REQUEST_ID: Final = "6f0c2f5e-3d0b-4d4c-9d59-0f3c8b4f7a11"
# A grey wedge of 64 x 64 pixels: the smallest image that is answered.
EXAMPLE_PNG: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAAAAACPAi4CAAAAM0lEQVR42u3MoQ0AMAgAQUpg/5W7AIKkpuJevrgTNdT7mfEYAAAA"
    "AAAAAAAAAAAAgN+BCzAvAX/dO73aAAAAAElFTkSuQmCC"
)
_NOTICE: Final = "Research use only: triage support, never a diagnosis."
_MODEL: Final = {"name": "xception-pneumonia", "version": "1.0.0", "sha256": "148ea636bfdc12d1" * 4}


def _object(properties: Schema, description: str, *, optional: tuple[str, ...] = ()) -> Schema:
    """An object all of whose members are always there but the optional ones."""
    required = [name for name in properties if name not in optional]
    return {"type": "object", "description": description, "required": required, "properties": properties}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _text(description: str, **more: Any) -> Schema:
    return {"type": "string", "description": description, **more}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


def _count(description: str, low: int) -> Schema:
    return {"type": "integer", "minimum": low, "description": description}


def _probability(description: str) -> Schema:
    return {"type": "number", "minimum": 0, "maximum": 1, "description": description}


def _milliseconds(description: str) -> Schema:
    return {"type": "number", "minimum": 0, "description": f"{description}, in milliseconds"}


def _cells(description: str) -> Schema:
    cell = {"type": "integer", "minimum": 0, "maximum": 255}
    return {"type": "array", "items": cell, "description": f"{description}; row by row"}


_GRID: Schema = {"width": _count("Cells in a row", 1), "height": _count("Rows", 1)}
_CORRELATION_ID = _text(
    "Names this upload in logs and events; it tells nothing of the film",
    pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
)
_SCHEMA_VERSION = _count(
    "Of the result: under one number members are added, and none is taken away or changed. Results of versions before "
    "it have none",
    1,
)
_HELP = _text("Path of the explanation of the code, on the host of the answer", format="uri-reference")
_ID = _text("Of one upload, chosen by the service", pattern="^[0-9a-v]{8}-([0-9a-f]{32}|[0-9a-f]{64})$")

_PREDICTION: Schema = {
    "normal": _probability("Calibrated probability of a normal film"),
    "pneumonia": _probability("Calibrated probability of pneumonia; both add up to 1"),
    "label": _text("pneumonia if its probability reaches the balanced threshold", enum=["normal", "pneumonia"]),
    "triage": _text(
        "By the thresholds rule_out and rule_in", enum=["likely_normal", "indeterminate", "likely_pneumonia"]
    ),
    "threshold": _probability("The balanced threshold"),
    "calibrated_prevalence": _probability("The share of pneumonia that both probabilities hold for"),
    "model": _ref("Model"),
    "in_training_population": {
        "type": ["boolean", "null"],
        "description": "Whether the film looks like those the model was trained on; null if the model cannot tell",
    },
    "forced": {"type": "boolean", "description": "Whether the caller asked for an answer whatever the image shows"},
    "image": _ref("Image"),
    "timing_ms": _ref("Timing"),
    "request_id": _text("Names this answer in the logs"),
    "notice": _text("What the answer may be used for"),
}
_PREDICTION_EXAMPLE: Schema = {
    "normal": 0.020046,
    "pneumonia": 0.979954,
    "label": "pneumonia",
    "triage": "likely_pneumonia",
    "threshold": 0.5,
    "calibrated_prevalence": 0.5,
    "model": _MODEL,
    "in_training_population": True,
    "forced": False,
    "image": {
        "format": "DICOM",
        "width": 2048,
        "height": 2500,
        "photometric_interpretation": "MONOCHROME1",
        "bits_stored": 12,
        "window": {"center": 2048.0, "width": 4096.0, "function": "LINEAR"},
        "inverted": True,
        "sop_instance_uid": "1.2.826.0.1.3680043.2.1125.1",
        "study_instance_uid": "1.2.826.0.1.3680043.2.1125.2",
        "warnings": [],
    },
    "timing_ms": {"decode": 4.1, "preprocess": 0.5, "model": 53.5, "total": 59.2},
    "request_id": EXAMPLE_REQUEST_ID,
    "notice": _NOTICE,
}

EXAMPLES: Final[dict[str, Schema]] = {
    "Health": {"status": "ok", "self_test": "passed", "model": _MODEL},
    "Config": {
        "auth": "token",
        "max_direct_bytes": 4_500_000,
        "max_image_bytes": 40_000_000,
        "uploads": True,
        "model": {"name": "xception-pneumonia", "version": "1.0.0"},
        "operating_points": {"rule_out": 0.1, "balanced": 0.5, "rule_in": 0.9},
        "feedback": None,
        "prevalence": {"calibrated": 0.5, "lowest": 0.001, "highest": 0.999},
        "notice": _NOTICE,
        "limits": ["Distinguishes pneumonia from normal only; any other disease may be called either."],
    },
    "Prediction": _PREDICTION_EXAMPLE,
    "NewUpload": {"content_type": "image/png"},
    "Feedback": {"id": EXAMPLE_ID, "verdict": "disagree", "reason": "no_pneumonia"},
    "FeedbackGiven": {"stored": True, "detail": "Stored next to the result."},
    "Upload": {
        "id": EXAMPLE_ID,
        "upload": {
            "url": "https://uploads.s3.eu-central-1.amazonaws.com/",
            "fields": {"Content-Type": "image/png", "key": f"api/{EXAMPLE_ID}", "policy": "eyJleHBpcmF0aW9uIjog..."},
        },
        "result": f"/results/{EXAMPLE_ID}",
        "expires_in": 600,
        "max_bytes": 40_000_000,
        "correlation_id": EXAMPLE_CORRELATION_ID,
    },
    "Pending": {"id": EXAMPLE_ID, "status": "pending"},
    "PredictedResult": {
        "id": EXAMPLE_ID,
        "status": "predicted",
        "schema_version": 1,
        **_PREDICTION_EXAMPLE,
        "correlation_id": EXAMPLE_CORRELATION_ID,
        "heatmap": f"/results/{EXAMPLE_ID}/heatmap.png",
    },
    "RejectedResult": {
        "id": EXAMPLE_ID,
        "status": "rejected",
        "schema_version": 1,
        "code": "undecodable_image",
        "title": "The image could not be decoded",
        "detail": "The file is cut short. Export it again.",
        "request_id": EXAMPLE_REQUEST_ID,
        "model": _MODEL,
        "notice": _NOTICE,
        "correlation_id": EXAMPLE_CORRELATION_ID,
        "help": help_path("undecodable_image"),
        "heatmap": None,
    },
}

SCHEMAS: Final[dict[str, Schema]] = {
    "Model": _object(
        {
            "name": _text("Name on the model card"),
            "version": _text("Version on the model card"),
            "sha256": _text("Identity of the weights", pattern="^[0-9a-f]{64}$"),
        },
        "The model that gave an answer",
    ),
    "Image": _object(
        {
            "format": _text("What the file turned out to be", enum=list(NAMES)),
            "width": _count("In pixels, upright", 1),
            "height": _count("In pixels, upright", 1),
            "photometric_interpretation": _or_null(_text("DICOM (0028,0004); null for other formats")),
            "bits_stored": _or_null(_count("DICOM (0028,0101); null for other formats", 1)),
            "window": _or_null(_ref("Window")),
            "inverted": {"type": "boolean", "description": "Dark and bright were exchanged before the prediction"},
            "sop_instance_uid": _or_null(_text("DICOM (0008,0018), for matching", pattern=UID_PATTERN)),
            "study_instance_uid": _or_null(_text("DICOM (0020,000D), for matching", pattern=UID_PATTERN)),
            "warnings": {
                "type": "array",
                "items": {"type": "string", "pattern": "^[a-z_]+$"},
                "description": "Codes of what may make the answer less reliable (docs/formats.md)",
            },
        },
        "The image as it was read",
    ),
    "Window": _object(
        {
            "center": {"type": "number", "description": "In units after the modality LUT"},
            "width": {"type": "number", "description": "In the same units"},
            "function": _text("DICOM (0028,1056)", enum=list(FUNCTIONS)),
        },
        "The window that was applied; null where a LUT or the real range took its place",
    ),
    "Timing": _object(
        {
            "decode": _milliseconds("From bytes to pixels"),
            "preprocess": _milliseconds("From pixels to the model's input"),
            "model": _milliseconds("The model alone"),
            "total": _milliseconds("All of it, with the heatmap"),
        },
        "Where the time went",
    ),
    "InlineHeatmap": _object(
        {
            "content_type": {"const": "image/png"},
            "encoding": {"const": "base64"},
            "data": _text("The PNG", contentEncoding="base64", contentMediaType="image/png"),
        },
        "The evidence for pneumonia over the film. The text `Lungs` in the file holds the lung map of the model, where "
        "it has one: width, height, and two hexadecimal digits for each cell, row by row, from 00 (no lung) to ff",
    ),
    "LungMap": _object(
        {**_GRID, "share": _cells("The share of lung in each cell, 255 for all of it")},
        "Where the model sees the lungs: a grid over the whole film, of its own size",
    ),
    "EvidenceMap": _object(
        {
            **_GRID,
            "heat": _cells("The evidence in each cell, 255 for the full scale of the model card"),
            "lungs": _or_null(_ref("LungMap")),
        },
        "The evidence for pneumonia by place, as the heatmap draws it: a grid over the whole film",
    ),
    "Prediction": _object(
        {
            **_PREDICTION,
            "heatmap": _ref("InlineHeatmap"),
            "evidence_map": _ref("EvidenceMap"),
            "at_prevalence": _ref("AtPrevalence"),
        },
        "The answer for one image; heatmap, evidence_map and at_prevalence only where they were asked for",
        optional=("heatmap", "evidence_map", "at_prevalence"),
    ),
    "AtPrevalence": _object(
        {
            "prevalence": _probability("As it was asked for"),
            "probability": _probability("Of pneumonia, where that share of the films shows pneumonia"),
        },
        "The probability elsewhere (Bayes); label and triage belong to `pneumonia`, not to it",
    ),
    "ImageByValue": {
        **_object({"image": _text("The file, base64, with or without data:...;base64,", minLength=1)}, "An image"),
        "example": {"image": EXAMPLE_PNG},
    },
    "ImageByUrl": {
        **_object(
            {"url": _text("https, of a host that the deployment allows (setting allowed_url_hosts)", minLength=1)},
            "Where an image is",
        ),
        "example": {"url": "https://films.example.org/chest.png"},
    },
    "NewUpload": _object(
        {
            "content_type": _text("What the file is; application/octet-stream if not known", enum=list(CONTENT_TYPES)),
            "force": {"type": "boolean", "description": "As of POST /predict", "default": False},
        },
        "What is going to be uploaded",
        optional=("force",),
    ),
    "Feedback": {
        **_object(
            {
                "id": {"type": ["string", "null"], "description": "Of the upload; null for an answer given directly"},
                "verdict": _text("On the result", enum=list(VERDICTS)),
                "reason": {
                    "type": ["string", "null"],
                    "enum": [*REASONS, None],
                    "description": "; ".join(f"{code}: {words}" for code, words in REASONS.items()),
                },
            },
            "What a reader says of a result; there is no free text",
            optional=("id", "reason"),
        ),
        "additionalProperties": False,
    },
    "FeedbackGiven": _object(
        {
            "stored": {"type": "boolean", "description": "False for an answer that was given directly"},
            "detail": _text("The same in words"),
        },
        "What became of feedback",
    ),
    "Upload": _object(
        {
            "id": _ID,
            "upload": _object(
                {
                    "url": _text("Where to POST to", format="uri"),
                    "fields": {
                        "type": "object",
                        "additionalProperties": {"type": "string"},
                        "description": "Fields of the multipart/form-data body; the file follows them as `file`",
                    },
                },
                "A presigned POST of Amazon S3, for one file",
            ),
            "result": _text("Path of the result"),
            "expires_in": _count("Seconds until the upload must have begun", 1),
            "max_bytes": _count("S3 refuses a larger file", 1),
            "correlation_id": _CORRELATION_ID,
        },
        "Permission to upload one image, and where its result will be",
    ),
    "Pending": _object({"id": _ID, "status": {"const": "pending"}}, "The result may still come: ask again"),
    "PredictedResult": _object(
        {
            "id": _ID,
            "status": {"const": "predicted"},
            "schema_version": _SCHEMA_VERSION,
            **_PREDICTION,
            "correlation_id": _CORRELATION_ID,
            "heatmap": _text("Path of the heatmap"),
            "at_prevalence": _ref("AtPrevalence"),
        },
        "The answer for an uploaded image; schema_version, correlation_id and calibrated_prevalence not in results of "
        "versions before them, at_prevalence only where it was asked for",
        optional=("schema_version", "correlation_id", "calibrated_prevalence", "at_prevalence"),
    ),
    "RejectedResult": _object(
        {
            "id": _ID,
            "status": {"const": "rejected"},
            "schema_version": _SCHEMA_VERSION,
            "code": _text("As that of the problem that POST /predict would have answered"),
            "title": _text("The code in words"),
            "detail": _text("What is wrong with the image, and what to do"),
            "request_id": _text("Names this answer in the logs"),
            "model": _ref("Model"),
            "notice": _text("What the service may be used for"),
            "correlation_id": _CORRELATION_ID,
            "help": _HELP,
            "heatmap": {"type": "null"},
        },
        "The uploaded file is no image that the service can answer; schema_version and correlation_id as of "
        "PredictedResult",
        optional=("schema_version", "correlation_id"),
    ),
    "Result": {
        "oneOf": [_ref("PredictedResult"), _ref("RejectedResult")],
        "discriminator": {
            "propertyName": "status",
            "mapping": {
                "predicted": "#/components/schemas/PredictedResult",
                "rejected": "#/components/schemas/RejectedResult",
            },
        },
    },
    "Health": _object(
        {"status": {"const": "ok"}, "self_test": {"const": "passed"}, "model": _ref("Model")},
        "The model is loaded and gave the answer it must give",
    ),
    "Config": _object(
        {
            "auth": _text("How to prove who you are", enum=list(AUTH_MODES)),
            "max_direct_bytes": _count("Largest image for POST /predict; larger ones go through POST /uploads", 1),
            "max_image_bytes": _count("Largest image at all", 1),
            "uploads": {"type": "boolean", "description": "Whether POST /uploads is there"},
            "model": _object({"name": _text("Its name"), "version": _text("Its version")}, "The model in use"),
            "operating_points": _object(
                {
                    "rule_out": _probability("Below it: likely_normal"),
                    "balanced": _probability("From it on: label pneumonia"),
                    "rule_in": _probability("From it on: likely_pneumonia"),
                },
                "Thresholds on the probability of pneumonia",
            ),
            "prevalence": _object(
                {
                    "calibrated": _probability("What the probabilities of the model in use hold for"),
                    "lowest": _probability("The least that a caller may name"),
                    "highest": _probability("The most that a caller may name"),
                },
                "The share of pneumonia among films",
            ),
            "feedback": _or_null(
                _object(
                    {
                        "verdicts": {"type": "array", "items": {"type": "string"}, "description": "What can be said"},
                        "reasons": {
                            "type": "object",
                            "additionalProperties": {"type": "string"},
                            "description": "Codes of reasons, and what they mean",
                        },
                    },
                    "What POST /feedback takes; null where it is off",
                )
            ),
            "notice": _text("What the service may be used for"),
            "limits": {"type": "array", "items": {"type": "string"}, "description": "Where the model fails"},
        },
        "What a client has to know before it asks",
    ),
    "Card": {
        "type": "object",
        "description": "The whole model card: training, metrics, thresholds, limits. Members beyond these vary.",
        "required": ["schema_version", "name", "version", "labels", "operating_points", "notice"],
        "properties": {
            "schema_version": _count("Of the card's format", 1),
            "name": _text("Of the model"),
            "version": _text("Of the model"),
            "labels": {"type": "array", "items": {"type": "string"}, "description": "In the order of the outputs"},
            "operating_points": {"type": "object", "description": "Thresholds, with what they were chosen for"},
            "notice": _text("What the model may be used for"),
        },
    },
    "Problem": _object(
        {
            "type": _text("urn:pneumonia:problem:<code>", format="uri"),
            "title": _text("The code in words"),
            "status": {"type": "integer", "minimum": 400, "maximum": 599, "description": "That of the response"},
            "detail": _text("What happened, and what to do"),
            "code": _text("Stable: for programs"),
            "request_id": _text("Names this answer in the logs"),
            "help": _HELP,
        },
        "What went wrong (RFC 9457)",
    ),
    "GatewayError": {
        "type": "object",
        "description": "An answer of AWS itself, before or instead of the function's: too large, throttled, timed out",
        "properties": {"message": _text("In the words of AWS"), "Message": _text("The same, where AWS writes it so")},
    },
}
