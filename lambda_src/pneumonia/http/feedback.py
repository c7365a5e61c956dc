"""POST /feedback: a reader's feedback on a result, if the setting `feedback` is on."""

from aws_lambda_powertools import Logger

from pneumonia.errors import MalformedRequest, NotFound
from pneumonia.http.requests import Request, json_body
from pneumonia.http.responses import Response, json_response
from pneumonia.settings import process_settings
from pneumonia.uploads.feedback import Feedback
from pneumonia.uploads.ids import is_id, upload_key

_STORED = "Stored next to the result."
_NOT_STORED = (
    "Not stored: this image was sent directly, so its result is not stored either. To keep both, upload the image "
    "(POST /uploads)."
)

logger = Logger()


def give(request: Request) -> Response:
    """Store feedback on the result of an upload. For a prediction of POST /predict, report that nothing is stored."""
    settings = process_settings()
    if not settings.feedback:
        raise NotFound(
            "This deployment accepts no feedback, because the setting feedback is off. Ask the operator to turn it on."
        )
    body = json_body(request)
    feedback = Feedback.read(body)
    upload_id = body.get("id")
    if upload_id is None:
        return json_response({"stored": False, "detail": _NOT_STORED})
    if not isinstance(upload_id, str):
        raise MalformedRequest("id must be the id of an upload, or null.")
    uploads, results = settings.uploads_bucket, settings.results_bucket
    if uploads is None or results is None or not is_id(upload_id):
        raise NotFound("There is no result for this id. Check the id.")
    # Imported here to keep cold starts short, as in uploads.py.
    from pneumonia import aws
    from pneumonia.uploads.feedback import store_feedback
    from pneumonia.uploads.reader import read_result

    key = upload_key(upload_id)
    document = read_result(results, key)
    if document is None:
        raise NotFound(
            "There is no result for this id: it is not available yet, or it has expired. Call GET /results/{id} first."
        )
    store_feedback(aws.s3_for_callers(), results, {"bucket": uploads, "key": key}, feedback, document)
    # Neither the feedback nor the id of the upload is logged, because both concern the result of a patient.
    logger.info("feedback stored")
    return json_response({"stored": True, "detail": _STORED})
