"""Define all errors, each with a stable code, and convert them for callers (RFC 9457) and for the log."""

import traceback
from typing import Any, ClassVar

INTERNAL_DETAIL = "The service failed unexpectedly. Give the request_id to the operator of the service."
"""The `detail` that callers get for an unexpected error."""


class PneumoniaError(Exception):
    """Base of all errors of this package.

    Class attributes: `code` (stable, for programs), `status` (HTTP), `title` (one line for people).
    `detail` says what happened and what to do. It must never contain pixels, file names, keys or URLs.
    `public_detail`, where set, replaces `detail` for callers. `detail` then goes to the log only.
    """

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    public_detail: ClassVar[str | None] = None

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class MalformedRequest(PneumoniaError):
    code = "malformed_request"
    status = 400
    title = "The request could not be understood"


class MissingImage(PneumoniaError):
    code = "missing_image"
    status = 400
    title = "The request contains no image"


class UrlNotAllowed(PneumoniaError):
    code = "url_not_allowed"
    status = 400
    title = "The URL is not allowed"


class Unauthorized(PneumoniaError):
    code = "unauthorized"
    status = 401
    title = "Credentials are missing or wrong"


class AccessCheckFailed(PneumoniaError):
    """The credentials of a request could not be checked. Until checks work again, every request that needs credentials
    is refused."""

    code = "access_check_failed"
    status = 503
    title = "Credentials cannot be checked"
    public_detail = "The service cannot check credentials at the moment. Try again in a few seconds."


class NotFound(PneumoniaError):
    code = "not_found"
    status = 404
    title = "The resource was not found"


class UploadMissing(PneumoniaError):
    """The object named in an S3 event was removed, or replaced by another version."""

    code = "upload_missing"
    status = 404
    title = "The uploaded object no longer exists"


class MethodNotAllowed(PneumoniaError):
    """`allow` lists the methods that the path supports (RFC 9110: a 405 response must list them)."""

    code = "method_not_allowed"
    status = 405
    title = "Method not allowed"

    def __init__(self, detail: str, allow: tuple[str, ...]) -> None:
        super().__init__(detail)
        self.allow = allow


class NotAcceptable(PneumoniaError):
    """The Accept header names no media type that the response can have."""

    code = "not_acceptable"
    status = 406
    title = "The requested format is not available"


class TooLarge(PneumoniaError):
    code = "too_large"
    status = 413
    title = "The image is too large"


class UnsupportedFormat(PneumoniaError):
    code = "unsupported_format"
    status = 415
    title = "Unsupported image format"


class UndecodableImage(PneumoniaError):
    code = "undecodable_image"
    status = 422
    title = "The image could not be decoded"


class TookTooLong(PneumoniaError):
    """Decoding was stopped at the time limit. The file was made to decode slowly, or is far too large."""

    code = "took_too_long"
    status = 422
    title = "The image took too long to decode"


class MultiFrame(PneumoniaError):
    code = "multi_frame"
    status = 422
    title = "The file contains several images"


class NotARadiograph(PneumoniaError):
    """The header of a DICOM file names a modality other than radiography."""

    code = "not_a_radiograph"
    status = 422
    title = "The image is not a radiograph"


class ForProcessing(PneumoniaError):
    """A DICOM file contains raw detector values. Its grey levels do not have the same meaning as those of a processed
    image."""

    code = "for_processing"
    status = 422
    title = "The image is meant for processing, not for reading"


class NotAChestXray(PneumoniaError):
    """The image does not look like a chest X-ray, even if its header says otherwise."""

    code = "not_a_chest_xray"
    status = 422
    title = "The image is not a chest X-ray"


class WrongOrientation(PneumoniaError):
    code = "wrong_orientation"
    status = 422
    title = "The image is rotated or upside down"


class TooSmall(PneumoniaError):
    code = "too_small"
    status = 422
    title = "The image is too small"


class BlankImage(PneumoniaError):
    code = "blank_image"
    status = 422
    title = "The image is blank"


class ObjectArchived(PneumoniaError):
    """The object is in an archive storage class or tier. It must be restored before it can be read."""

    code = "object_archived"
    status = 409
    title = "The object is archived"


class ProcessingFailed(PneumoniaError):
    """Every attempt to process the image failed. In a backfill, the function crashed or timed out on it twice."""

    code = "processing_failed"
    status = 422
    title = "The image could not be processed"


class UrlFetchFailed(PneumoniaError):
    code = "url_fetch_failed"
    status = 502
    title = "The image could not be fetched from its URL"


class ModelError(PneumoniaError):
    """The artifacts are missing, damaged or do not fit this code. The operator must fix this, not the caller."""

    code = "model_error"
    status = 500
    title = "The model could not be used"
    public_detail = "The service cannot use its model. Give the request_id to the operator of the service."


class Unhealthy(PneumoniaError):
    """GET /health found that the model is missing or fails its self-test."""

    code = "unhealthy"
    status = 503
    title = "The service is not healthy"
    public_detail = "The model did not load or failed its self-test. Look up the request_id in the log for the reason."


def problem(error: BaseException, request_id: str) -> dict[str, Any]:
    """Return the RFC 9457 problem document of an error, with `code` and `request_id` as extension members.

    Errors from outside this package become `internal_error`, and none of their text is shown.
    """
    if isinstance(error, PneumoniaError):
        code, status, title = error.code, error.status, error.title
        detail = error.public_detail or error.detail
    else:
        code, status, title = PneumoniaError.code, PneumoniaError.status, PneumoniaError.title
        detail = INTERNAL_DETAIL
    return {
        "type": f"urn:pneumonia:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": request_id,
    }


def help_path(code: str) -> str:
    """Return the path, with a fragment, where the service explains an error code. The path is on the host
    that sent the response."""
    return f"/docs#{code}"


def rejects(error: BaseException) -> bool:
    """Return True if the input caused the error, so that a retry cannot help; False if the service caused it."""
    return isinstance(error, PneumoniaError) and error.status < 500


def log_fields(error: BaseException) -> dict[str, Any]:
    """Return what may be logged about an error: its type, its place in the code and, for a PneumoniaError, its message.

    The message of any other exception is left out: it can quote a key, a URL or bytes of the image.
    """
    frames = traceback.extract_tb(error.__traceback__)
    fields: dict[str, Any] = {
        "error_type": type(error).__name__,
        "error_at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if isinstance(error, PneumoniaError):
        fields |= {"error_code": error.code, "error_detail": error.detail}
    return fields
