"""Every error with a stable code, and how it is told to a caller (RFC 9457) and to the log."""

import traceback
from typing import Any, ClassVar

INTERNAL_DETAIL = "Something went wrong on our side. Give the request_id to the operator of the service."
"""What callers see of an error that nobody expected."""


class PneumoniaError(Exception):
    """Base of all errors of this package.

    Class attributes: `code` (stable, for programs), `status` (HTTP), `title` (one line for people).
    `detail` says what happened and what to do; it must never hold pixels, file names, keys or URLs.
    `public_detail`, where set, replaces `detail` in what callers see: `detail` is then for the log alone.
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
    title = "The request holds no image"


class UrlNotAllowed(PneumoniaError):
    code = "url_not_allowed"
    status = 400
    title = "This URL may not be fetched"


class Unauthorized(PneumoniaError):
    code = "unauthorized"
    status = 401
    title = "Credentials are missing or wrong"


class AccessCheckFailed(PneumoniaError):
    """Credentials came, and there was no way to find out whether they are good: nobody is let in meanwhile."""

    code = "access_check_failed"
    status = 503
    title = "Credentials cannot be checked"
    public_detail = "The service cannot check credentials at this moment. Try again in a few seconds."


class NotFound(PneumoniaError):
    code = "not_found"
    status = 404
    title = "No such resource"


class UploadMissing(PneumoniaError):
    """The object that an S3 event speaks of is gone, or is no longer the version of the event."""

    code = "upload_missing"
    status = 404
    title = "The uploaded object is gone"


class MethodNotAllowed(PneumoniaError):
    """`allow` lists the methods that the path does answer (RFC 9110: a 405 must carry them)."""

    code = "method_not_allowed"
    status = 405
    title = "Method not allowed"

    def __init__(self, detail: str, allow: tuple[str, ...]) -> None:
        super().__init__(detail)
        self.allow = allow


class NotAcceptable(PneumoniaError):
    """The header Accept names no media type that the answer can have."""

    code = "not_acceptable"
    status = 406
    title = "No acceptable form of the answer"


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
    """Decoding was stopped at the limit of time: a file made to be slow, or far too large for this function."""

    code = "took_too_long"
    status = 422
    title = "The image took too long to decode"


class MultiFrame(PneumoniaError):
    code = "multi_frame"
    status = 422
    title = "The file holds several images"


class NotARadiograph(PneumoniaError):
    """A DICOM file whose own header names another modality."""

    code = "not_a_radiograph"
    status = 422
    title = "The image is not a radiograph"


class ForProcessing(PneumoniaError):
    """A DICOM file with what the detector measured, before a picture was made of it: its greys mean something else."""

    code = "for_processing"
    status = 422
    title = "The image is meant for processing, not for reading"


class NotAChestXray(PneumoniaError):
    """The picture is unlike every chest X-ray, whatever its file says of itself."""

    code = "not_a_chest_xray"
    status = 422
    title = "The image is not a chest X-ray"


class WrongOrientation(PneumoniaError):
    code = "wrong_orientation"
    status = 422
    title = "The film lies on its side or stands on its head"


class TooSmall(PneumoniaError):
    code = "too_small"
    status = 422
    title = "The image is too small"


class BlankImage(PneumoniaError):
    code = "blank_image"
    status = 422
    title = "The image is blank"


class ObjectArchived(PneumoniaError):
    """The object lies in a storage class that has to be restored from before it can be read."""

    code = "object_archived"
    status = 409
    title = "The object is archived"


class ProcessingFailed(PneumoniaError):
    """The function ended or ran into its time limit over this image, twice, and over none of its neighbours."""

    code = "processing_failed"
    status = 422
    title = "The image could not be processed"


class UrlFetchFailed(PneumoniaError):
    code = "url_fetch_failed"
    status = 502
    title = "The image could not be fetched from its URL"


class ModelError(PneumoniaError):
    """The artifacts are missing, damaged or do not fit this code: ours to repair, not the caller's."""

    code = "model_error"
    status = 500
    title = "The model could not be used"
    public_detail = "The service cannot use its model. Give the request_id to the operator of the service."


class Unhealthy(PneumoniaError):
    """GET /health found the model missing or answering wrongly."""

    code = "unhealthy"
    status = 503
    title = "The service is not healthy"
    public_detail = "The model did not load or failed its self-test. The log holds the reason under this request_id."


def problem(error: BaseException, request_id: str) -> dict[str, Any]:
    """The RFC 9457 problem document of an error, with `code` and `request_id` as extension members.

    Errors that are not of this package become `internal_error` and show nothing of themselves.
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
    """Where the service explains a code: a path with a fragment, on the host that gave the answer."""
    return f"/docs#{code}"


def rejects(error: BaseException) -> bool:
    """True if the input is to blame, so that trying again cannot help; False for failures of our own."""
    return isinstance(error, PneumoniaError) and error.status < 500


def log_fields(error: BaseException) -> dict[str, Any]:
    """What may be logged about an error: its type, its place in the code, and the message if it is ours.

    The message of a foreign exception is left out: it can quote a key, a URL or bytes of the image.
    """
    frames = traceback.extract_tb(error.__traceback__)
    fields: dict[str, Any] = {
        "error_type": type(error).__name__,
        "error_at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
    if isinstance(error, PneumoniaError):
        fields |= {"error_code": error.code, "error_detail": error.detail}
    return fields
