"""POST /studies: store DICOM instances by STOW-RS (PS3.18, 10.5). Each becomes an upload for the worker."""

import json
import re
import time
from collections.abc import Sequence

from aws_lambda_powertools import Logger

from pneumonia.decode.formats import is_dicom
from pneumonia.errors import (
    ForProcessing,
    MalformedRequest,
    MissingImage,
    MultiFrame,
    NotARadiograph,
    NotFound,
    PneumoniaError,
    TooLarge,
    UnsupportedFormat,
    log_fields,
)
from pneumonia.http import accept, store_response
from pneumonia.http.bodies import content_of
from pneumonia.http.related import DICOM, instances_of
from pneumonia.http.requests import Request
from pneumonia.http.responses import PRIVATE, Response
from pneumonia.http.store_response import Outcome
from pneumonia.settings import process_settings
from pneumonia.uploads.ids import content_id, upload_key

MAX_BODY_BYTES = 6 * 1024 * 1024
"""Largest body after decompression. A Function URL refuses a larger body unless it is compressed."""

ANSWERS = (store_response.JSON, "application/json", store_response.XML)
"""Media types of the response. The first is the default for requests without `Accept`."""

_HOW = "Send DICOM instances as multipart/related."
_ELSEWHERE = "Send larger instances with POST /uploads, one upload for each."
_UID = re.compile(r"[0-9][0-9.]{0,63}")

logger = Logger()


def store(request: Request) -> Response:
    """Store instances of any study."""
    return _store(request, None)


def store_in_study(request: Request) -> Response:
    """Store instances of the study in the path. Instances of other studies fail."""
    study = request.parameters["study"]
    if not _UID.fullmatch(study):
        raise MalformedRequest("The path must end with a Study Instance UID: at most 64 digits and dots.")
    return _store(request, study)


def _store(request: Request, study: str | None) -> Response:
    settings = process_settings()
    uploads, results = settings.uploads_bucket, settings.results_bucket
    if uploads is None or results is None:
        raise NotFound("This deployment does not store instances. Send the image to POST /predict.")
    media_type = accept.chosen(request.header("accept"), ANSWERS)  # before anything is stored
    parts = _parts(request)
    outcomes = _Storing(uploads, results, study, _origin(request)).all(parts)
    status = store_response.status_of(outcomes)
    reasons = sorted({f"{one.reason:04X}" for one in outcomes if one.reason is not None})
    logger.info("instances stored", status=status, parts=len(parts), reasons=reasons)
    if media_type == store_response.XML:
        return Response(status, media_type, store_response.as_xml(outcomes), PRIVATE)
    return Response(status, media_type, json.dumps(store_response.as_json(outcomes)), PRIVATE)


def _parts(request: Request) -> list[bytes | None]:
    """Return the parts of the body. Raises MalformedRequest, MissingImage, TooLarge, UnsupportedFormat."""
    try:
        content = content_of(
            request.body,
            is_base64=request.is_base64,
            content_encoding=request.header("content-encoding"),
            max_bytes=MAX_BODY_BYTES,
            how=_HOW,
        )
    except TooLarge:
        raise TooLarge(f"The body has more than the limit of {MAX_BODY_BYTES} bytes. {_ELSEWHERE}") from None
    if not content:
        raise MissingImage(f"The request has no body. {_HOW}")
    return instances_of(content, request.header("content-type"))


class _Storing:
    """Stores the parts of one request independently: a failed part does not affect the others."""

    def __init__(self, uploads: str, results: str, study: str | None, origin: str) -> None:
        self._uploads = uploads
        self._results = results
        self._study = study
        self._origin = origin
        self._failure: Exception | None = None
        self._stored: set[str] = set()

    def all(self, parts: Sequence[bytes | None]) -> list[Outcome]:
        """Return the outcome of each part, in order. Raises the last error of S3, if any, when no part was stored."""
        outcomes = [self._one(part) for part in parts]
        if self._failure is not None and all(outcome.url is None for outcome in outcomes):
            raise self._failure
        return outcomes

    def _one(self, part: bytes | None) -> Outcome:
        if part is None or not is_dicom(part):
            return Outcome(reason=store_response.NOT_DICOM)
        # Imported here, because pydicom and boto3 would dominate the import time of a cold start.
        from botocore.exceptions import BotoCoreError, ClientError

        from pneumonia.decode.dicom_instance import identify
        from pneumonia.uploads.correlation import of_upload_id
        from pneumonia.uploads.direct import put_upload

        found = identify(part, process_settings().limits)
        sop_class, instance = found.sop_class_uid, found.sop_instance_uid
        if found.refusal is not None:
            return Outcome(sop_class, instance, reason=_reason(found.refusal))
        if sop_class is None or instance is None or found.study_instance_uid is None:
            return Outcome(sop_class, instance, reason=store_response.NO_UIDS)
        if self._study not in (None, found.study_instance_uid):
            return Outcome(sop_class, instance, reason=store_response.OTHER_STUDY)
        upload_id = content_id(part, time.time())
        key = upload_key(upload_id)
        if key not in self._stored:  # the same instance twice in one request is one upload
            try:
                put = put_upload(self._uploads, self._results, key, part, DICOM)
            except (BotoCoreError, ClientError) as error:
                self._failure = error
                logger.error("an instance could not be stored", **log_fields(error))
                return Outcome(sop_class, instance, reason=store_response.OUT_OF_RESOURCES)
            self._stored.add(key)
            # Use the correlation id of the upload, so that the log lines of both functions share one id.
            logger.info("instance stored", outcome=put.value, correlation_id=of_upload_id(upload_id))
        warning = store_response.CONTRADICTION if found.contradicts_itself else None
        return Outcome(sop_class, instance, f"{self._origin}/results/{upload_id}", warning)


def _reason(refusal: PneumoniaError) -> int:
    if isinstance(refusal, NotARadiograph | ForProcessing | MultiFrame):
        return store_response.NO_RADIOGRAPH
    if isinstance(refusal, TooLarge):
        return store_response.OUT_OF_RESOURCES
    if isinstance(refusal, UnsupportedFormat):
        return store_response.OTHER_SYNTAX
    return store_response.DAMAGED


def _origin(request: Request) -> str:
    """Return the origin of this Function URL. A RetrieveURL must be absolute."""
    scheme = request.header("x-forwarded-proto") or "https"
    return f"{scheme}://{request.event['requestContext']['domainName']}"
