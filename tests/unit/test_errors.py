import importlib
import inspect
import io
import json
import pkgutil
import re
from pathlib import Path

import pytest

from pneumonia import decode, errors
from pneumonia.decode.messages import image_in, of_error, read_message
from pneumonia.errors import PneumoniaError, log_fields, problem, rejects
from pneumonia.http.service import OPENAPI_JSON

ROOT = Path(__file__).parents[2]

CODES = {
    "malformed_request": 400,
    "missing_image": 400,
    "url_not_allowed": 400,
    "unauthorized": 401,
    "access_check_failed": 503,
    "not_found": 404,
    "upload_missing": 404,
    "method_not_allowed": 405,
    "not_acceptable": 406,
    "too_large": 413,
    "unsupported_format": 415,
    "undecodable_image": 422,
    "took_too_long": 422,
    "multi_frame": 422,
    "not_a_radiograph": 422,
    "for_processing": 422,
    "not_a_chest_xray": 422,
    "wrong_orientation": 422,
    "too_small": 422,
    "blank_image": 422,
    "object_archived": 409,
    "processing_failed": 422,
    "url_fetch_failed": 502,
    "model_error": 500,
    "unhealthy": 503,
    "internal_error": 500,
}


def test_codes_and_statuses_are_those_clients_rely_on() -> None:
    classes = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, PneumoniaError)]
    assert {c.code: c.status for c in classes} == CODES, (
        "Add a new code to CODES here, to tools/openapi/document.py, to lambda_src/pneumonia/page/messages.js, and to "
        "the tables of docs/api.md and docs/formats.md. Keep the name and status of old codes: clients rely on them."
    )


def test_the_page_on_the_api_has_every_code_that_refuses_a_request_for_a_prediction() -> None:
    responses = json.loads(OPENAPI_JSON.read_text(encoding="utf-8"))["paths"]["/predict"]["post"]["responses"]
    codes = {
        code
        for status, response in responses.items()
        if status.startswith("4")
        for code in response["content"]["application/problem+json"]["examples"]
    }
    assert "unsupported_format" in codes
    rows = re.findall(r"^\| \d{3}[\d, ]* \| (.*?) \|", (ROOT / "docs" / "api.md").read_text(encoding="utf-8"), re.M)
    told = set(re.findall(r"`(\w+)`", " ".join(rows)))
    assert codes <= told, f"add {sorted(codes - told)} to the table of codes in docs/api.md"


def test_refusals_of_decoding_are_documented_in_formats() -> None:
    rows = re.findall(r"^\| (.*?) \| \d{3} \|", (ROOT / "docs" / "formats.md").read_text(encoding="utf-8"), re.M)
    told = set(re.findall(r"`(\w+)`", " ".join(rows)))
    codes = {error.code for error in raised_by_decoding()} - {errors.MissingImage.code}
    assert codes <= told, f"add {sorted(codes - told)} to the table of codes in docs/formats.md"


def test_refusals_of_the_decoder_process_are_raised() -> None:
    # These two are raised only after the image has come back.
    sent = raised_by_decoding() - {errors.TooSmall, errors.BlankImage}
    lost = sorted(error.__name__ for error in sent if not comes_back(error))
    assert not lost, f"add {lost} to _ERRORS in lambda_src/pneumonia/decode/messages.py"


def comes_back(error: type[PneumoniaError]) -> bool:
    """Return whether the parent process raises the error that the decoder process sent."""
    try:
        image_in(*read_message(io.BytesIO(b"".join(of_error(error("Why.")))).read))
    except error:
        return True
    except KeyError:
        return False
    return False


def raised_by_decoding() -> set[type[PneumoniaError]]:
    """Return the errors that the modules of `decode` import."""
    names = [each.name for each in pkgutil.iter_modules(decode.__path__)]
    modules = [importlib.import_module(f"{decode.__name__}.{name}") for name in names]
    return {
        value
        for module in modules
        for value in vars(module).values()
        if inspect.isclass(value) and issubclass(value, PneumoniaError) and value is not PneumoniaError
    }


def test_problem_has_the_members_of_rfc_9457() -> None:
    assert problem(errors.TooLarge("too many bytes"), "id-1") == {
        "type": "urn:pneumonia:problem:too_large",
        "title": "The image is too large",
        "status": 413,
        "detail": "too many bytes",
        "code": "too_large",
        "request_id": "id-1",
    }


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ModelError("/var/task/secret.onnx"), "model_error"),
        (errors.Unhealthy("/var/task/secret.onnx"), "unhealthy"),
        (KeyError("secret"), "internal_error"),
    ],
)
def test_problem_shows_no_internals_of_our_own_failures(error: Exception, code: str) -> None:
    document = problem(error, "id-1")
    assert document["code"] == code
    assert document["status"] >= 500
    assert "secret" not in str(document)
    assert "request_id" in document["detail"]


def test_rejects_only_errors_that_the_input_caused() -> None:
    assert rejects(errors.UndecodableImage("x"))
    assert rejects(errors.UploadMissing("x"))
    assert not rejects(errors.ModelError("x"))
    assert not rejects(ValueError("x"))


def test_log_fields_keep_foreign_messages_out() -> None:
    try:
        raise OSError("images/jane-doe.png")
    except OSError as error:
        fields = log_fields(error)
    assert fields["error_type"] == "OSError"
    assert "test_log_fields_keep_foreign_messages_out" in fields["error_at"][-1]
    assert "jane-doe" not in str(fields)


def test_log_fields_keep_our_own_messages() -> None:
    fields = log_fields(errors.ModelError("card.json is missing"))
    assert (fields["error_code"], fields["error_detail"]) == ("model_error", "card.json is missing")
