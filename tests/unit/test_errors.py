import inspect

import pytest

from pneumonia import errors
from pneumonia.errors import PneumoniaError, log_fields, problem, rejects

CODES = {
    "malformed_request": 400,
    "missing_image": 400,
    "url_not_allowed": 400,
    "unauthorized": 401,
    "access_check_failed": 503,
    "not_found": 404,
    "upload_missing": 404,
    "method_not_allowed": 405,
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
    assert {c.code: c.status for c in classes} == CODES


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


def test_rejects_only_what_the_input_is_to_blame_for() -> None:
    assert rejects(errors.UndecodableImage("x"))
    assert rejects(errors.UploadMissing("x"))
    assert not rejects(errors.ModelError("x"))
    assert not rejects(ValueError("x"))


def test_log_fields_keep_foreign_messages_out() -> None:
    try:
        raise OSError("films/jane-doe.png")
    except OSError as error:
        fields = log_fields(error)
    assert fields["error_type"] == "OSError"
    assert "test_log_fields_keep_foreign_messages_out" in fields["error_at"][-1]
    assert "jane-doe" not in str(fields)


def test_log_fields_keep_our_own_messages() -> None:
    fields = log_fields(errors.ModelError("card.json is gone"))
    assert (fields["error_code"], fields["error_detail"]) == ("model_error", "card.json is gone")
