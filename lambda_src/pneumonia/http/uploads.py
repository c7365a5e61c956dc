"""POST /uploads: for images that are too large for a request, and for clients that fetch the result later."""

import time

from aws_lambda_powertools import Logger

from pneumonia.errors import MalformedRequest, NotFound, UnsupportedFormat
from pneumonia.http.requests import Request, json_body
from pneumonia.http.responses import Response, json_response
from pneumonia.options import FORCE
from pneumonia.settings import process_settings
from pneumonia.uploads.ids import new_id, upload_key

logger = Logger()

CONTENT_TYPES = (
    "image/jpeg",
    "image/png",
    "image/tiff",
    "image/webp",
    "image/bmp",
    "application/dicom",
    "application/octet-stream",
)
"""Content types that an upload may declare. The worker detects the real format from the content."""


def create_upload(request: Request) -> Response:
    """Return a presigned POST that permits the upload of one image, and the path of the result."""
    settings = process_settings()
    if settings.uploads_bucket is None or settings.results_bucket is None:
        raise NotFound("This deployment takes no uploads. Send the image to POST /predict.")
    body = json_body(request)
    content_type = body.get("content_type")
    if content_type not in CONTENT_TYPES:
        raise UnsupportedFormat(f"content_type must be one of {', '.join(CONTENT_TYPES)}.")
    force = body.get(FORCE, False)
    if not isinstance(force, bool):
        raise MalformedRequest("force must be true or false.")
    metadata = {FORCE: "true"} if force else None
    # Imported here, because boto3 would dominate the import time of a cold start, and only uploads, results and tokens
    # need it.
    from pneumonia.uploads.correlation import of_upload_id
    from pneumonia.uploads.presign import presigned_post

    upload_id = new_id(time.time())
    correlation_id = of_upload_id(upload_id)
    expires_in = settings.upload_link_seconds
    upload = presigned_post(
        settings.uploads_bucket, upload_key(upload_id), content_type, settings.max_image_bytes, expires_in, metadata
    )
    # Use the correlation id of the upload, so that the log lines of both functions share one id.
    logger.info("upload permitted", correlation_id=correlation_id)
    location = f"/results/{upload_id}"
    return json_response(
        {
            "id": upload_id,
            "upload": upload,
            "result": location,
            "expires_in": expires_in,
            "max_bytes": settings.max_image_bytes,
            "correlation_id": correlation_id,
        },
        status=201,
        headers={"Location": location},
    )
