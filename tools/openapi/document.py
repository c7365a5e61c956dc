"""The description of the API (OpenAPI 3.1)."""

from typing import Any, Final

from pneumonia import errors, prevalence
from pneumonia.errors import PneumoniaError, help_path, problem
from pneumonia.settings import SettingsError
from tools.openapi.dicomweb import STORE_BODY, STORE_DESCRIPTION, STORED_INSTANCES, STUDY, store_responses
from tools.openapi.schemas import EXAMPLE_ID, EXAMPLE_REQUEST_ID, EXAMPLES, SCHEMAS

API_VERSION: Final = "1.4.0"
"""Semantic version of the contract: a new member or a new route is a minor version."""

ErrorType = type[PneumoniaError]

# Errors that every route can return.
_ALWAYS: Final = (errors.MalformedRequest, PneumoniaError, SettingsError)
_GUARDED: Final = (errors.Unauthorized, errors.AccessCheckFailed)
_MODEL: Final = (errors.ModelError,)
_PREDICTION: Final = (
    errors.MissingImage,
    errors.UrlNotAllowed,
    errors.TooLarge,
    errors.UnsupportedFormat,
    errors.UndecodableImage,
    errors.TookTooLong,
    errors.MultiFrame,
    errors.NotARadiograph,
    errors.ForProcessing,
    errors.NotAChestXray,
    errors.WrongOrientation,
    errors.TooSmall,
    errors.BlankImage,
    errors.UrlFetchFailed,
    errors.ModelError,
)

_DECODING: Final = (
    errors.MissingImage,
    errors.UrlNotAllowed,
    errors.TooLarge,
    errors.UnsupportedFormat,
    errors.UndecodableImage,
    errors.TookTooLong,
    errors.UrlFetchFailed,
)
_SIZE: Final = "[0-9]+x[0-9]+"

_ERRORS: Final = {
    *_ALWAYS,
    *_GUARDED,
    *_MODEL,
    *_PREDICTION,
    errors.NotFound,
    errors.NotAcceptable,
    errors.Unhealthy,
}

_DETAILS: Final[dict[ErrorType, str]] = {
    errors.MalformedRequest: "The body is not valid JSON. Send a JSON object.",
    errors.MissingImage: "The request has no body.",
    errors.UrlNotAllowed: "Fetching from URLs is turned off. Send the image itself.",
    errors.Unauthorized: "Send the header Authorization: Bearer <token>.",
    errors.NotFound: "There is no result for this id.",
    errors.NotAcceptable: "The response is available as application/dicom+json. Name it in Accept, or send */*.",
    errors.TooLarge: "The image has more than the limit of 40000000 bytes. Send a smaller file.",
    errors.UnsupportedFormat: "The format of the image is not supported. Supported formats are DICOM, JPEG, PNG, TIFF, "
    "WebP and BMP. Export it in one of them.",
    errors.UndecodableImage: "The file is truncated. Export it again.",
    errors.TookTooLong: "The image could not be decoded within 10 seconds. Export the image again, smaller.",
    errors.MultiFrame: "The DICOM file contains 12 frames, but the limit is 1. Send each image as a separate file.",
    errors.NotARadiograph: "The modality of the DICOM file is not radiography. Send a frontal chest X-ray.",
    errors.ForProcessing: "The DICOM file is FOR PROCESSING. Send the FOR PRESENTATION image of the same exposure.",
    errors.NotAChestXray: "The image does not look like a frontal chest X-ray. Send the X-ray itself.",
    errors.WrongOrientation: "The image is rotated. Turn it upright and send it again.",
    errors.TooSmall: "The image has 40 x 32 pixels, but needs at least 64 on each side.",
    errors.BlankImage: "The image is blank: nearly all of it is one grey level. Check the export.",
    errors.UrlFetchFailed: "The host did not respond in time.",
}


def document() -> dict[str, Any]:
    """Return the whole description, built from the constants of the routes. It is the same for every model and
    deployment."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pneumonia triage of chest X-rays",
            "version": API_VERSION,
            "summary": "Send an image and get the probability of pneumonia.",
            "description": (
                "Research use only: triage support, never a diagnosis.\n\n"
                "Errors are problem documents (RFC 9457) with a stable `code`. `help` is the path of the section "
                "on the code in `GET /docs`.\n\n"
                "Some requests never reach the service, and AWS responds to them with "
                '`{"message": ...}`: bodies above 6 MB (413), throttling (429), '
                "and in the mode `iam` missing or wrong signatures (403).\n\n"
                "Unknown query parameters are refused, except by the page. HEAD on a GET route returns the same "
                "headers without a body. OPTIONS needs no credentials."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The Function URL of the deployment"}],
        "security": [{"token": []}],
        "tags": [
            {"name": "predict", "description": "Predict one image"},
            {"name": "uploads", "description": "Large images, and results fetched later"},
            {"name": "service", "description": "About the service"},
            {"name": "page", "description": "For browsers"},
        ],
        "paths": {
            "/predict": {"post": _predict("predict", "Predict one image")},
            "/": {"get": _index(), "post": _predict("predictAtRoot", "The same as POST /predict")},
            "/image": {"post": _picture()},
            "/uploads": {"post": _create_upload()},
            "/studies": {"post": _store("storeInstances", "Store DICOM instances (STOW-RS)")},
            "/studies/{study}": {
                "parameters": [STUDY],
                "post": _store("storeInstancesOfStudy", "Store DICOM instances of one study (STOW-RS)"),
            },
            "/feedback": {"post": _feedback()},
            "/results/{upload_id}": {"parameters": [_upload_id()], "get": _result()},
            "/results/{upload_id}/heatmap.png": {"parameters": [_upload_id()], "get": _heatmap()},
            "/docs": {"get": _docs()},
            "/model-card": {"get": _model_card()},
            "/config": {"get": _config()},
            "/health": {"get": _health()},
            "/model": {"get": _model()},
            "/openapi.json": {"get": _openapi()},
            "/page/{name}": {"parameters": [_name()], "get": _page_file()},
        },
        "components": {
            "schemas": {**SCHEMAS, "StoredInstances": STORED_INSTANCES},
            "examples": {error.code: {"value": _example(error)} for error in sorted(_ERRORS, key=_code)},
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": (
                        "With the setting auth=token. Each caller can have a separate token with a name and an expiry. "
                        "With auth=iam, requests are signed instead (AWS SigV4, service lambda). With auth=none, they "
                        "need no credentials. GET /config returns the mode."
                    ),
                }
            },
        },
    }


def _option(name: str, description: str) -> dict[str, Any]:
    schema = {"type": "boolean", "default": False}
    return {"name": name, "in": "query", "description": description, "schema": schema}


def _heatmap_option() -> dict[str, Any]:
    option = _option(
        "heatmap",
        "true adds the heatmap, a picture of the X-ray with the evidence in colour. map adds evidence_map, the numbers "
        "that the heatmap is drawn from",
    )
    option["schema"] = {"anyOf": [{"type": "boolean"}, {"const": "map"}], "default": False}
    return option


def _prevalence() -> dict[str, Any]:
    return {
        "name": prevalence.OPTION,
        "in": "query",
        "description": (
            "The share of the reader's X-rays that show pneumonia. Adds at_prevalence and changes nothing else."
        ),
        "schema": {"type": "number", "minimum": prevalence.LOWEST, "maximum": prevalence.HIGHEST},
        "example": 0.1,
    }


def _predict(operation_id: str, summary: str) -> dict[str, Any]:
    return {
        **_operation(operation_id, "predict", summary),
        "description": (
            "Send the bytes of an image file, a form with the file, or JSON. A body that begins like a form or like "
            "JSON is read as such, even if its Content-Type differs. The body may be compressed with gzip "
            "(Content-Encoding), unless its type is text or JSON. Send compressed JSON with the type "
            "application/octet-stream. Send images above max_direct_bytes of GET /config with POST /uploads."
        ),
        "parameters": [
            _heatmap_option(),
            _option("force", "Predict an image that does not look like an upright chest X-ray, with a warning"),
            _prevalence(),
        ],
        "requestBody": _image_body(),
        "responses": {
            "200": _json("The prediction", "Prediction"),
            **_problems(*_ALWAYS, *_GUARDED, *_PREDICTION),
        },
    }


def _image_body() -> dict[str, Any]:
    binary = {"schema": {"type": "string", "format": "binary"}}
    return {
        "required": True,
        "content": {
            "image/jpeg": binary,
            "image/png": binary,
            "image/tiff": binary,
            "image/webp": binary,
            "image/bmp": binary,
            "application/dicom": binary,
            "application/octet-stream": binary,
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "file": {
                            "type": "string",
                            "format": "binary",
                            "description": "The only file of the form, in a field of any name. Text fields are ignored",
                        }
                    },
                    "required": ["file"],
                }
            },
            "application/json": {
                "schema": {
                    "oneOf": [
                        {"$ref": "#/components/schemas/ImageByValue"},
                        {"$ref": "#/components/schemas/ImageByUrl"},
                    ]
                },
                "examples": {
                    "value": {"value": SCHEMAS["ImageByValue"]["example"]},
                },
            },
        },
    }


def _picture() -> dict[str, Any]:
    return {
        **_operation("getPicture", "predict", "Convert an image file to PNG, for viewers that cannot read the file"),
        "description": (
            "Returns a grey PNG of 8 or 16 bits, upright, bright where the X-ray is bright. It accepts any image, "
            "including other modalities, images for processing and the first of several frames. Send the same body as "
            "for POST /predict. Samples with fewer bits than the PNG fill the highest bits. An image whose PNG would "
            "exceed 4.5 MB is reduced in size."
        ),
        "requestBody": _image_body(),
        "responses": {
            "200": {
                "description": "The PNG",
                "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
                "headers": {
                    "X-Image-Size": _header("Width and height of the image, such as 2048x2500", _matching(_SIZE)),
                    "X-Image-Reduced": _header(
                        "no, or the size of the PNG if it is smaller than the image", _matching(f"no|{_SIZE}")
                    ),
                    "X-Image-Bits": _header(
                        "How many bits of a sample carry information. They are the highest bits",
                        {"type": "integer", "minimum": 1, "maximum": 16},
                    ),
                    "X-Image-Window": _header(
                        "The sample values that a prediction reads as black and as white", _matching("[0-9]+ [0-9]+")
                    ),
                },
            },
            **_problems(*_ALWAYS, *_GUARDED, *_DECODING),
        },
    }


def _create_upload() -> dict[str, Any]:
    return {
        **_operation("createUpload", "uploads", "Ask for permission to upload one image"),
        "description": (
            "Then POST the file to upload.url as multipart/form-data: first upload.fields, then the file in the field "
            "`file`. Members of the body other than content_type and force are ignored and never stored."
        ),
        "requestBody": {"required": True, "content": {"application/json": _body("NewUpload")}},
        "responses": {
            "201": {
                **_json("Permission, and the address of the result", "Upload"),
                "headers": {"Location": _header("Path of the result", {"type": "string"})},
                "links": {
                    "result": {
                        "operationId": "getResult",
                        "parameters": {"upload_id": "$response.body#/id"},
                    }
                },
            },
            **_problems(*_ALWAYS, *_GUARDED, errors.NotFound, errors.UnsupportedFormat),
        },
    }


def _store(operation_id: str, summary: str) -> dict[str, Any]:
    refusals = (errors.MissingImage, errors.NotFound, errors.NotAcceptable, errors.TooLarge, errors.UnsupportedFormat)
    return {
        **_operation(operation_id, "uploads", summary),
        "description": STORE_DESCRIPTION,
        "requestBody": STORE_BODY,
        "responses": {**store_responses(), **_problems(*_ALWAYS, *_GUARDED, *refusals)},
    }


def _feedback() -> dict[str, Any]:
    return {
        **_operation("giveFeedback", "uploads", "Give feedback on a result"),
        "description": (
            "Available if the setting feedback is on (see GET /config). Feedback is stored next to the result of the "
            "upload and replaces earlier feedback on it. With id null, for a prediction of POST /predict, nothing is "
            "stored."
        ),
        "requestBody": {"required": True, "content": {"application/json": _body("Feedback")}},
        "responses": {
            "200": _json("Whether the feedback was stored", "FeedbackGiven"),
            **_problems(*_ALWAYS, *_GUARDED, errors.NotFound, errors.TooLarge, errors.UnsupportedFormat),
        },
    }


def _result() -> dict[str, Any]:
    return {
        **_operation("getResult", "uploads", "Get the result of an upload"),
        "parameters": [_prevalence()],
        "responses": {
            "200": {
                "description": "The result: predicted, or rejected with a code",
                "content": {
                    "application/json": {
                        "schema": {"$ref": "#/components/schemas/Result"},
                        "examples": {
                            "predicted": {"value": EXAMPLES["PredictedResult"]},
                            "rejected": {"value": EXAMPLES["RejectedResult"]},
                        },
                    }
                },
            },
            "202": {
                **_json("The result is not available yet. The file may not have been uploaded yet", "Pending"),
                "headers": {
                    "Retry-After": _header("Seconds to wait before the next request", {"type": "integer", "minimum": 1})
                },
            },
            **_problems(*_ALWAYS, *_GUARDED, errors.NotFound),
        },
    }


def _heatmap() -> dict[str, Any]:
    return {
        **_operation("getHeatmap", "uploads", "Get the heatmap of a predicted upload"),
        "responses": {
            "200": {
                "description": "The heatmap: the evidence for pneumonia, drawn over the X-ray",
                "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
            },
            **_problems(*_ALWAYS, *_GUARDED, errors.NotFound),
        },
    }


def _config() -> dict[str, Any]:
    return {
        **_operation("getConfig", "service", "Get the settings that a client needs", public=True),
        "responses": {
            "200": _json("Limits, thresholds, and how to authenticate", "Config"),
            **_problems(*_ALWAYS, *_MODEL),
        },
    }


def _health() -> dict[str, Any]:
    return {
        **_operation("getHealth", "service", "Check that the model is loaded and predicts correctly", public=True),
        "responses": {"200": _json("The service is healthy", "Health"), **_problems(*_ALWAYS, errors.Unhealthy)},
    }


def _model() -> dict[str, Any]:
    return {
        **_operation("getModel", "service", "Get the model card"),
        "responses": {
            "200": {
                "description": "The whole model card",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Card"}}},
            },
            **_problems(*_ALWAYS, *_GUARDED, *_MODEL),
        },
    }


def _openapi() -> dict[str, Any]:
    return {
        **_operation("getOpenApi", "service", "Get the OpenAPI description of the API", public=True),
        "responses": {
            "200": {
                "description": "OpenAPI 3.1",
                "content": {"application/json": {"schema": {"type": "object", "required": ["openapi", "paths"]}}},
            },
            **_problems(*_ALWAYS),
        },
    }


def _index() -> dict[str, Any]:
    return {
        **_operation("getPage", "page", "Get the page for browsers", public=True),
        "responses": {**_html("HTML, with scripts and styles inside"), **_problems(*_ALWAYS, errors.NotFound)},
    }


def _docs() -> dict[str, Any]:
    return {
        **_operation("getDocs", "page", "Get the reference of the API as a web page", public=True),
        "description": "It has examples in curl, Python and JavaScript. `/docs#<code>` is the section on an error.",
        "responses": {**_html("HTML, with styles inside and no scripts"), **_problems(*_ALWAYS)},
    }


def _model_card() -> dict[str, Any]:
    return {
        **_operation("getModelCard", "page", "Get the model card as a web page", public=True),
        "description": "Shows the content of `GET /model` in words and tables. Some models have no such card.",
        "responses": {**_html("HTML, with styles inside and no scripts"), **_problems(*_ALWAYS, errors.NotFound)},
    }


def _html(description: str) -> dict[str, Any]:
    """Return the responses of a route that serves an HTML document."""
    return {
        "200": {"description": description, "content": {"text/html": {"schema": {"type": "string"}}}},
        "304": {"description": "The document still has the ETag of If-None-Match"},
    }


def _page_file() -> dict[str, Any]:
    text = {"schema": {"type": "string"}}
    types = ("text/html", "text/javascript", "text/css", "image/svg+xml", "image/jpeg")
    return {
        **_operation("getPageFile", "page", "Get one source file of the page", public=True),
        "responses": {
            "200": {"description": "The file", "content": dict.fromkeys(types, text)},
            "304": {"description": "The document still has the ETag of If-None-Match"},
            **_problems(*_ALWAYS, errors.NotFound),
        },
    }


def _operation(operation_id: str, tag: str, summary: str, *, public: bool = False) -> dict[str, Any]:
    found: dict[str, Any] = {"operationId": operation_id, "tags": [tag], "summary": summary}
    return {**found, "security": []} if public else found


def _upload_id() -> dict[str, Any]:
    return {
        "name": "upload_id",
        "in": "path",
        "required": True,
        "description": "The id from POST /uploads, or the last segment of the RetrieveURL from POST /studies",
        "schema": {"type": "string"},
        "example": EXAMPLE_ID,
    }


def _name() -> dict[str, Any]:
    return {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}, "example": "app.js"}


def _body(schema: str) -> dict[str, Any]:
    return {"schema": {"$ref": f"#/components/schemas/{schema}"}, "example": EXAMPLES[schema]}


def _json(description: str, schema: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": _body(schema)}}


def _header(description: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": description, "required": True, "schema": schema}


def _matching(pattern: str) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^({pattern})$"}


def _problems(*types: ErrorType) -> dict[str, Any]:
    """Return the responses by status, with an example for each code."""
    by_status: dict[int, list[ErrorType]] = {}
    for error_type in types:
        by_status.setdefault(error_type.status, []).append(error_type)
    return {str(status): _problem_response(status, by_status[status]) for status in sorted(by_status)}


def _problem_response(status: int, types: list[ErrorType]) -> dict[str, Any]:
    content: dict[str, Any] = {
        "application/problem+json": {
            "schema": {"$ref": "#/components/schemas/Problem"},
            "examples": {error.code: {"$ref": f"#/components/examples/{error.code}"} for error in types},
        }
    }
    if status == errors.TooLarge.status:  # AWS refuses events that are too large before the function runs
        content["application/json"] = {"schema": {"$ref": "#/components/schemas/GatewayError"}}
    response: dict[str, Any] = {"description": "; ".join(error_type.title for error_type in types), "content": content}
    if status == errors.Unauthorized.status:
        described = {"description": "Bearer. Function URLs rename the header to x-amzn-Remapped-www-authenticate"}
        response["headers"] = {"WWW-Authenticate": described | {"schema": {"type": "string"}}}
    return response


def _code(error_type: ErrorType) -> str:
    return error_type.code


def _example(error_type: ErrorType) -> dict[str, Any]:
    # The base class stands for exceptions from outside the package, whose texts callers do not see.
    error = RuntimeError() if error_type is PneumoniaError else error_type(_DETAILS.get(error_type, ""))
    return {**problem(error, EXAMPLE_REQUEST_ID), "help": help_path(error_type.code)}
