"""GET /results/{id} and its heatmap: the result of an upload."""

import time

from pneumonia.errors import NotFound
from pneumonia.http.requests import Request
from pneumonia.http.responses import PRIVATE, Response, json_response
from pneumonia.prevalence import OPTION as PREVALENCE
from pneumonia.prevalence import read_prevalence, with_prevalence
from pneumonia.settings import process_settings
from pneumonia.uploads.ids import is_id, may_be_pending, upload_key

GRACE_SECONDS = 15 * 60
"""How long a result is reported as pending after its upload link has expired."""

RETRY_AFTER_SECONDS = 2

_UNKNOWN = (
    "There is no result for this id: the id is wrong, nothing was uploaded, or the result has expired. Check the id, "
    "or send the image again."
)


def result(request: Request) -> Response:
    """Return the result of an upload, or 202 while it may still arrive."""
    upload_id, bucket = _upload_id(request), _bucket()
    prevalence = read_prevalence(request.query(PREVALENCE))
    # Imported here to keep cold starts short, as in uploads.py.
    from pneumonia.uploads.reader import read_result

    document = read_result(bucket, upload_key(upload_id))
    if document is not None:
        return json_response(with_prevalence(document.for_caller(upload_id), prevalence))
    patience = process_settings().upload_link_seconds + GRACE_SECONDS
    if not may_be_pending(upload_id, time.time(), patience):
        raise NotFound(_UNKNOWN)
    body = {"id": upload_id, "status": "pending"}
    return json_response(body, status=202, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def heatmap(request: Request) -> Response:
    """Return the heatmap of a result as a PNG."""
    upload_id, bucket = _upload_id(request), _bucket()
    # Imported here to keep cold starts short, as in uploads.py.
    from pneumonia.uploads.reader import read_heatmap

    png = read_heatmap(bucket, upload_key(upload_id))
    if png is None:
        raise NotFound(
            "There is no heatmap for this id: the image was rejected, or the result is not available. GET "
            "/results/{id} shows which."
        )
    return Response(200, "image/png", png, dict(PRIVATE))


def _upload_id(request: Request) -> str:
    upload_id = request.parameters["upload_id"]
    if not is_id(upload_id):
        raise NotFound(_UNKNOWN)
    return upload_id


def _bucket() -> str:
    bucket = process_settings().results_bucket
    if bucket is None:
        raise NotFound("This deployment takes no uploads, so there are no results to fetch.")
    return bucket
