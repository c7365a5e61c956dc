"""The description of the API (OpenAPI 3.1)."""

from typing import Any, Final

from pneumonia import errors, prevalence
from pneumonia.errors import PneumoniaError, help_path, problem
from pneumonia.settings import SettingsError
from tools.openapi.dicomweb import STORE_BODY, STORE_DESCRIPTION, STORED_INSTANCES, STUDY, store_responses
from tools.openapi.schemas import EXAMPLE_ID, EXAMPLE_REQUEST_ID, EXAMPLES, SCHEMAS

API_VERSION: Final = "1.4.0"
"""Of the contract, by semantic versioning: a member or a route more is a minor version."""

ErrorType = type[PneumoniaError]

# What can happen on each route, beside what is special to some.
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
    errors.NotFound: "There is no result under this id.",
    errors.NotAcceptable: "The answer comes as application/dicom+json. Name it in Accept, or */*.",
    errors.TooLarge: "The image has more than 40000000 bytes, the limit. Send a smaller file.",
    errors.UnsupportedFormat: "The content is none of DICOM, JPEG, PNG, TIFF, WebP and BMP.",
    errors.UndecodableImage: "The file is cut short. Export it again.",
    errors.TookTooLong: "The image could not be decoded within 10 seconds. Export the film again, smaller.",
    errors.MultiFrame: "The DICOM file holds 12 frames, at most 1 may be in it.",
    errors.NotARadiograph: "The DICOM file says that it is of another modality than radiography.",
    errors.ForProcessing: "The DICOM file is FOR PROCESSING. Send the FOR PRESENTATION image of the same exposure.",
    errors.NotAChestXray: "The image does not look like a frontal chest X-ray. Send the film itself.",
    errors.WrongOrientation: "The film lies on its side. Turn it upright and send it again.",
    errors.TooSmall: "The image has 40 x 32 pixels, at least 64 are needed on each side.",
    errors.BlankImage: "The image is one grey nearly everywhere: there is nothing to read.",
    errors.UrlFetchFailed: "The host did not answer in time.",
}


def document() -> dict[str, Any]:
    """The whole description, made of the same constants as the routes; independent of model and deployment."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Pneumonia triage of chest X-rays",
            "version": API_VERSION,
            "summary": "An image in, the probability of pneumonia out.",
            "description": (
                "Research use only: triage support, never a diagnosis.\n\n"
                "Errors are problem documents (RFC 9457) whose `code` is stable; `help` is the path of the "
                "explanation of the code in `GET /docs`. AWS itself answers, with "
                '`{"message": ...}`, what never reaches the service: bodies above 6 MB (413), throttling (429), '
                "and in the mode `iam` missing or wrong signatures (403). Query parameters that a path does not "
                "know are refused by name, but for the page. What answers GET answers HEAD with the same headers and "
                "no body. OPTIONS needs no credentials."
            ),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/", "description": "The Function URL of the deployment"}],
        "security": [{"token": []}],
        "tags": [
            {"name": "predict", "description": "One image, one answer"},
            {"name": "uploads", "description": "Large images, and answers fetched later"},
            {"name": "service", "description": "What the service tells of itself"},
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
                        "With the setting auth=token; each caller can have a token of its own, with a name and an end. "
                        "With auth=iam requests are signed instead (AWS SigV4, service lambda), with auth=none they "
                        "need nothing; GET /config says which it is."
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
        "Whether the answer comes with a heatmap: true for a picture of the film with the evidence over it, map for "
        "the numbers that it is drawn from (evidence_map)",
    )
    option["schema"] = {"anyOf": [{"type": "boolean"}, {"const": "map"}], "default": False}
    return option


def _prevalence() -> dict[str, Any]:
    return {
        "name": prevalence.OPTION,
        "in": "query",
        "description": (
            "The share of pneumonia among the films of the reader. Adds at_prevalence, and changes nothing else."
        ),
        "schema": {"type": "number", "minimum": prevalence.LOWEST, "maximum": prevalence.HIGHEST},
        "example": 0.1,
    }


def _predict(operation_id: str, summary: str) -> dict[str, Any]:
    return {
        **_operation(operation_id, "predict", summary),
        "description": (
            "The bytes of an image file, a form with the file, or JSON. A body that begins like a form or like JSON is "
            "read as that, whatever its type says. It may be compressed with gzip (Content-Encoding), but for text and "
            "JSON: compressed JSON needs the type application/octet-stream. Above max_direct_bytes of GET /config, use "
            "POST /uploads."
        ),
        "parameters": [
            _heatmap_option(),
            _option("force", "Predict what does not look like an upright chest X-ray, with a warning"),
            _prevalence(),
        ],
        "requestBody": _image_body(),
        "responses": {
            "200": _json("The answer", "Prediction"),
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
                            "description": "The one file of the form, under any name. Text fields are ignored",
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
        **_operation("getPicture", "predict", "The picture in an image file, for viewers that cannot read the file"),
        "description": (
            "A grey PNG of 8 or 16 bits, upright, bright where the film is, whatever it shows: other modalities, "
            "images for processing and the first of several frames too. The body is that of POST /predict. Samples of "
            "fewer bits than the PNG has are moved up to the top. What would make more than 4.5 MB is reduced in size."
        ),
        "requestBody": _image_body(),
        "responses": {
            "200": {
                "description": "The picture",
                "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
                "headers": {
                    "X-Image-Size": _header("Width and height of the image, such as 2048x2500", _matching(_SIZE)),
                    "X-Image-Reduced": _header(
                        "no, or the size of the PNG where it is smaller", _matching(f"no|{_SIZE}")
                    ),
                    "X-Image-Bits": _header(
                        "How many bits of a sample tell something: the highest ones",
                        {"type": "integer", "minimum": 1, "maximum": 16},
                    ),
                    "X-Image-Window": _header(
                        "The samples that a prediction takes for black and for white", _matching("[0-9]+ [0-9]+")
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
            "Then POST the file to upload.url as multipart/form-data: upload.fields first, the file last as "
            "`file`. Members of the body other than content_type are ignored, and never stored."
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
        **_operation("giveFeedback", "uploads", "Say whether a result is right"),
        "description": (
            "Where the setting feedback is on: GET /config tells. Stored next to the result of the upload; later "
            "feedback on it takes its place. With id null, for an answer of POST /predict, nothing is stored."
        ),
        "requestBody": {"required": True, "content": {"application/json": _body("Feedback")}},
        "responses": {
            "200": _json("Whether it was stored", "FeedbackGiven"),
            **_problems(*_ALWAYS, *_GUARDED, errors.NotFound, errors.TooLarge, errors.UnsupportedFormat),
        },
    }


def _result() -> dict[str, Any]:
    return {
        **_operation("getResult", "uploads", "The result of an upload"),
        "parameters": [_prevalence()],
        "responses": {
            "200": {
                "description": "The result: predicted, or rejected with a reason",
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
                **_json("It may still come, and nothing says whether the file was uploaded yet", "Pending"),
                "headers": {"Retry-After": _header("Seconds", {"type": "integer", "minimum": 1})},
            },
            **_problems(*_ALWAYS, *_GUARDED, errors.NotFound),
        },
    }


def _heatmap() -> dict[str, Any]:
    return {
        **_operation("getHeatmap", "uploads", "The heatmap of a predicted upload"),
        "responses": {
            "200": {
                "description": "The evidence for pneumonia over the film",
                "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
            },
            **_problems(*_ALWAYS, *_GUARDED, errors.NotFound),
        },
    }


def _config() -> dict[str, Any]:
    return {
        **_operation("getConfig", "service", "What a client has to know before it asks", public=True),
        "responses": {
            "200": _json("Limits, thresholds, and how to prove who you are", "Config"),
            **_problems(*_ALWAYS, *_MODEL),
        },
    }


def _health() -> dict[str, Any]:
    return {
        **_operation("getHealth", "service", "Whether the model is loaded and answers as it must", public=True),
        "responses": {"200": _json("It does", "Health"), **_problems(*_ALWAYS, errors.Unhealthy)},
    }


def _model() -> dict[str, Any]:
    return {
        **_operation("getModel", "service", "The model card"),
        "responses": {
            "200": {
                "description": "All that is known of the model",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Card"}}},
            },
            **_problems(*_ALWAYS, *_GUARDED, *_MODEL),
        },
    }


def _openapi() -> dict[str, Any]:
    return {
        **_operation("getOpenApi", "service", "The description of the API for machines", public=True),
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
        **_operation("getPage", "page", "The page for a browser", public=True),
        "responses": {**_html("HTML, with scripts and styles inside"), **_problems(*_ALWAYS, errors.NotFound)},
    }


def _docs() -> dict[str, Any]:
    return {
        **_operation("getDocs", "page", "The description of the API for people", public=True),
        "description": "With examples in curl, Python and JavaScript. The fragment `#<code>` leads to an error.",
        "responses": {**_html("HTML, with styles inside and no scripts"), **_problems(*_ALWAYS)},
    }


def _model_card() -> dict[str, Any]:
    return {
        **_operation("getModelCard", "page", "The model card for people", public=True),
        "description": "What `GET /model` has as JSON, in words and tables. A model may come without it.",
        "responses": {**_html("HTML, with styles inside and no scripts"), **_problems(*_ALWAYS, errors.NotFound)},
    }


def _html(description: str) -> dict[str, Any]:
    """The answers of a route for a document."""
    return {
        "200": {"description": description, "content": {"text/html": {"schema": {"type": "string"}}}},
        "304": {"description": "Not changed since the ETag of If-None-Match"},
    }


def _page_file() -> dict[str, Any]:
    text = {"schema": {"type": "string"}}
    types = ("text/html", "text/javascript", "text/css", "image/svg+xml", "image/jpeg")
    return {
        **_operation("getPageFile", "page", "A file that the page is made of", public=True),
        "responses": {
            "200": {"description": "The file", "content": dict.fromkeys(types, text)},
            "304": {"description": "Not changed since the ETag of If-None-Match"},
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
        "description": "The id that POST /uploads gave, or the end of the RetrieveURL that POST /studies gave",
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
    """Responses by status, with an example for each code."""
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
    if status == errors.TooLarge.status:  # AWS answers before the function where the event is too large
        content["application/json"] = {"schema": {"$ref": "#/components/schemas/GatewayError"}}
    response: dict[str, Any] = {"description": "; ".join(error_type.title for error_type in types), "content": content}
    if status == errors.Unauthorized.status:
        described = {"description": "Bearer; Function URLs rename it to x-amzn-Remapped-www-authenticate"}
        response["headers"] = {"WWW-Authenticate": described | {"schema": {"type": "string"}}}
    return response


def _code(error_type: ErrorType) -> str:
    return error_type.code


def _example(error_type: ErrorType) -> dict[str, Any]:
    # The base class stands for what is not of the package: a foreign exception shows nothing of itself.
    error = RuntimeError() if error_type is PneumoniaError else error_type(_DETAILS.get(error_type, ""))
    return {**problem(error, EXAMPLE_REQUEST_ID), "help": help_path(error_type.code)}
