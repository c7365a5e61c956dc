"""JSON Schemas of the bodies of the API, each with an example (version 2020-12, the dialect of OpenAPI 3.1).

Later versions may add members to objects. Clients must ignore unknown members.
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
# A grey wedge of 64 x 64 pixels, the smallest size that the service accepts.
EXAMPLE_PNG: Final = (
    "iVBORw0KGgoAAAANSUhEUgAAAEAAAABACAAAAACPAi4CAAAAM0lEQVR42u3MoQ0AMAgAQUpg/5W7AIKkpuJevrgTNdT7mfEYAAAA"
    "AAAAAAAAAAAAgN+BCzAvAX/dO73aAAAAAElFTkSuQmCC"
)
_NOTICE: Final = "Research use only: triage support, never a diagnosis."
_MODEL: Final = {"name": "xception-pneumonia", "version": "1.0.0", "sha256": "148ea636bfdc12d1" * 4}


def _object(properties: Schema, description: str, *, optional: tuple[str, ...] = ()) -> Schema:
    """Return the schema of an object. All members are required except the optional ones."""
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
    "Identifies this upload in logs and events. It contains no information about the image",
    pattern="^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
)
_SCHEMA_VERSION = _count(
    "Version of the result's format. Within one version, members are added but never removed or changed. Older results "
    "have no schema_version",
    1,
)
_HELP = _text("Path of the section on the code, on the same host", format="uri-reference")
_ID = _text("Id of the upload, chosen by the service", pattern="^[0-9a-v]{8}-([0-9a-f]{32}|[0-9a-f]{64})$")

_PREDICTION: Schema = {
    "normal": _probability("Calibrated probability of a normal X-ray"),
    "pneumonia": _probability("Calibrated probability of pneumonia. normal and pneumonia add up to 1"),
    "label": _text("pneumonia if its probability reaches the balanced threshold", enum=["normal", "pneumonia"]),
    "triage": _text(
        "Band of the probability, by the thresholds rule_out and rule_in",
        enum=["likely_normal", "indeterminate", "likely_pneumonia"],
    ),
    "threshold": _probability("The balanced threshold"),
    "calibrated_prevalence": _probability("The share of X-rays with pneumonia that both probabilities assume"),
    "model": _ref("Model"),
    "in_training_population": {
        "type": ["boolean", "null"],
        "description": "Whether the X-ray looks like the training X-rays; null if the model cannot tell",
    },
    "forced": {
        "type": "boolean",
        "description": "Whether the caller asked for a prediction even if the image is not an upright chest X-ray",
    },
    "image": _ref("Image"),
    "timing_ms": _ref("Timing"),
    "request_id": _text("Identifies this request in the logs"),
    "notice": _text("What the prediction may be used for"),
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
        "limits": ["Distinguishes pneumonia from normal only; another disease can be labelled normal or pneumonia."],
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
        "detail": "The file is truncated. Export it again.",
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
        "The model that made the prediction",
    ),
    "Image": _object(
        {
            "format": _text("Format of the file, by its content", enum=list(NAMES)),
            "width": _count("In pixels, upright", 1),
            "height": _count("In pixels, upright", 1),
            "photometric_interpretation": _or_null(_text("DICOM (0028,0004); null for other formats")),
            "bits_stored": _or_null(_count("DICOM (0028,0101); null for other formats", 1)),
            "window": _or_null(_ref("Window")),
            "inverted": {
                "type": "boolean",
                "description": "Whether dark and bright were exchanged before the prediction",
            },
            "sop_instance_uid": _or_null(_text("DICOM (0008,0018), for matching", pattern=UID_PATTERN)),
            "study_instance_uid": _or_null(_text("DICOM (0020,000D), for matching", pattern=UID_PATTERN)),
            "warnings": {
                "type": "array",
                "items": {"type": "string", "pattern": "^[a-z_]+$"},
                "description": "Codes of problems with the image that may affect the prediction (docs/formats.md)",
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
        "The window that was applied; null if a LUT or the real range of the values was used instead",
    ),
    "Timing": _object(
        {
            "decode": _milliseconds("From bytes to pixels"),
            "preprocess": _milliseconds("From pixels to the model's input"),
            "model": _milliseconds("The model alone"),
            "total": _milliseconds("In total, with the heatmap"),
        },
        "Where the time went",
    ),
    "InlineHeatmap": _object(
        {
            "content_type": {"const": "image/png"},
            "encoding": {"const": "base64"},
            "data": _text("The PNG", contentEncoding="base64", contentMediaType="image/png"),
        },
        "The heatmap: the evidence for pneumonia, drawn over the X-ray. If the model has a lung map, the PNG text "
        "chunk `Lungs` has it: width, height, and two hexadecimal digits for each cell, row by row, from 00 (no lung) "
        "to ff",
    ),
    "LungMap": _object(
        {**_GRID, "share": _cells("The share of lung in each cell, 255 for all of it")},
        "Where the model sees the lungs: a grid over the whole image. Its size may differ from that of the evidence",
    ),
    "EvidenceMap": _object(
        {
            **_GRID,
            "heat": _cells("The evidence in each cell, 255 for the full scale of the model card"),
            "lungs": _or_null(_ref("LungMap")),
        },
        "The evidence for pneumonia that the heatmap is drawn from: a grid over the whole image",
    ),
    "Prediction": _object(
        {
            **_PREDICTION,
            "heatmap": _ref("InlineHeatmap"),
            "evidence_map": _ref("EvidenceMap"),
            "at_prevalence": _ref("AtPrevalence"),
        },
        "The prediction for one image. heatmap, evidence_map and at_prevalence are present only if requested",
        optional=("heatmap", "evidence_map", "at_prevalence"),
    ),
    "AtPrevalence": _object(
        {
            "prevalence": _probability("The prevalence in the request"),
            "probability": _probability("Probability of pneumonia if this share of the X-rays shows pneumonia"),
        },
        "The probability at another prevalence (Bayes). label and triage follow `pneumonia`, not this probability",
    ),
    "ImageByValue": {
        **_object(
            {"image": _text("The file in base64, with or without the prefix data:...;base64,", minLength=1)}, "An image"
        ),
        "example": {"image": EXAMPLE_PNG},
    },
    "ImageByUrl": {
        **_object(
            {
                "url": _text(
                    "An https URL on a host that the deployment allows (setting allowed_url_hosts)", minLength=1
                )
            },
            "The address of an image",
        ),
        "example": {"url": "https://images.example.org/chest.png"},
    },
    "NewUpload": _object(
        {
            "content_type": _text("Type of the file; application/octet-stream if not known", enum=list(CONTENT_TYPES)),
            "force": {"type": "boolean", "description": "Like force of POST /predict", "default": False},
        },
        "The file to upload",
        optional=("force",),
    ),
    "Feedback": {
        **_object(
            {
                "id": {
                    "type": ["string", "null"],
                    "description": "Id of the upload; null for a prediction of POST /predict",
                },
                "verdict": _text("The reader's verdict on the result", enum=list(VERDICTS)),
                "reason": {
                    "type": ["string", "null"],
                    "enum": [*REASONS, None],
                    "description": "; ".join(f"{code}: {words}" for code, words in REASONS.items()),
                },
            },
            "A reader's feedback on a result. There is no free text",
            optional=("id", "reason"),
        ),
        "additionalProperties": False,
    },
    "FeedbackGiven": _object(
        {
            "stored": {
                "type": "boolean",
                "description": "Whether the feedback was stored; false for a prediction of POST /predict",
            },
            "detail": _text("The same in words"),
        },
        "Whether the feedback was stored",
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
                        "description": "Fields of the multipart/form-data body. Add the file last as `file`",
                    },
                },
                "A presigned POST of Amazon S3 for one file",
            ),
            "result": _text("Path of the result"),
            "expires_in": _count("Seconds within which the upload must begin", 1),
            "max_bytes": _count("Largest file that S3 accepts", 1),
            "correlation_id": _CORRELATION_ID,
        },
        "Permission to upload one image, and the path of its result",
    ),
    "Pending": _object({"id": _ID, "status": {"const": "pending"}}, "The result is not available yet. Try again later"),
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
        "The result of a predicted upload. Older results have no schema_version, correlation_id or "
        "calibrated_prevalence. at_prevalence is present only if requested",
        optional=("schema_version", "correlation_id", "calibrated_prevalence", "at_prevalence"),
    ),
    "RejectedResult": _object(
        {
            "id": _ID,
            "status": {"const": "rejected"},
            "schema_version": _SCHEMA_VERSION,
            "code": _text("The code that POST /predict would return for this image"),
            "title": _text("The code in words"),
            "detail": _text("Why the image was rejected, and what to do"),
            "request_id": _text("Identifies this request in the logs"),
            "model": _ref("Model"),
            "notice": _text("What the service may be used for"),
            "correlation_id": _CORRELATION_ID,
            "help": _HELP,
            "heatmap": {"type": "null"},
        },
        "The result of an upload that cannot be predicted. Older results have no schema_version or correlation_id",
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
        "The model is loaded and gave the expected prediction",
    ),
    "Config": _object(
        {
            "auth": _text("How to authenticate", enum=list(AUTH_MODES)),
            "max_direct_bytes": _count("Largest image for POST /predict; larger ones go through POST /uploads", 1),
            "max_image_bytes": _count("Largest image that the service accepts", 1),
            "uploads": {"type": "boolean", "description": "Whether POST /uploads is available"},
            "model": _object(
                {"name": _text("Name of the model"), "version": _text("Version of the model")}, "The model in use"
            ),
            "operating_points": _object(
                {
                    "rule_out": _probability("Below this probability, triage is likely_normal"),
                    "balanced": _probability("At or above this probability, label is pneumonia"),
                    "rule_in": _probability("At or above this probability, triage is likely_pneumonia"),
                },
                "Thresholds on the probability of pneumonia",
            ),
            "prevalence": _object(
                {
                    "calibrated": _probability("The share that the probabilities of the model assume"),
                    "lowest": _probability("The lowest share that a caller may name"),
                    "highest": _probability("The highest share that a caller may name"),
                },
                "The share of X-rays that show pneumonia",
            ),
            "feedback": _or_null(
                _object(
                    {
                        "verdicts": {"type": "array", "items": {"type": "string"}, "description": "Possible verdicts"},
                        "reasons": {
                            "type": "object",
                            "additionalProperties": {"type": "string"},
                            "description": "Codes of reasons with their meanings",
                        },
                    },
                    "Values for POST /feedback; null if the setting feedback is off",
                )
            ),
            "notice": _text("What the service may be used for"),
            "limits": {"type": "array", "items": {"type": "string"}, "description": "Where the model fails"},
        },
        "The settings that a client needs",
    ),
    "Card": {
        "type": "object",
        "description": "The whole model card: training, metrics, thresholds, limits. Other members vary.",
        "required": ["schema_version", "name", "version", "labels", "operating_points", "notice"],
        "properties": {
            "schema_version": _count("Version of the card's format", 1),
            "name": _text("Name of the model"),
            "version": _text("Version of the model"),
            "labels": {
                "type": "array",
                "items": {"type": "string"},
                "description": "Labels in the order of the model's outputs",
            },
            "operating_points": {"type": "object", "description": "Thresholds, and how they were chosen"},
            "notice": _text("What the model may be used for"),
        },
    },
    "Problem": _object(
        {
            "type": _text("urn:pneumonia:problem:<code>", format="uri"),
            "title": _text("The code in words"),
            "status": {"type": "integer", "minimum": 400, "maximum": 599, "description": "HTTP status of the response"},
            "detail": _text("What happened, and what to do"),
            "code": _text("Stable code for programs"),
            "request_id": _text("Identifies this request in the logs"),
            "help": _HELP,
        },
        "What went wrong (RFC 9457)",
    ),
    "GatewayError": {
        "type": "object",
        "description": "A response that AWS sends instead of the function: request too large, throttled or timed out",
        "properties": {
            "message": _text("The error, in the words of AWS"),
            "Message": _text("The same; AWS uses either spelling"),
        },
    },
}
