"""Make the local S3 return 403 for absent objects if a role may not list the bucket, as S3 does.

moto checks no permissions and returns 404. A handler that relies on 404 would work on this machine and fail at AWS.
"""

import contextlib
from collections.abc import Collection, Iterator
from typing import Any

import boto3

_OPERATIONS = ("GetObject", "HeadObject", "PutObject")
_ABSENT = frozenset({"NoSuchKey", "NoSuchVersion", "NotFound", "404"})
_BUCKET = "pneumonia_bucket"


@contextlib.contextmanager
def functions_may_list(*buckets: str) -> Iterator[None]:
    """During a `with` block, the functions may list only these buckets. The functions use the clients of boto3's
    default session."""
    before = boto3.DEFAULT_SESSION
    boto3.DEFAULT_SESSION = session = boto3.Session()
    absent_is_forbidden(session, buckets)
    try:
        yield
    finally:
        boto3.DEFAULT_SESSION = before


def absent_is_forbidden(session: boto3.Session, may_list: Collection[str]) -> None:
    """Make new clients of a session get 403 for absent objects, except in the buckets of `may_list`.

    Existing clients do not change.
    """

    def remember(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context[_BUCKET] = params.get("Bucket")

    def answer(http_response: Any, parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        error = parsed.get("Error", {})
        if error.get("Code") not in _ABSENT or context.get(_BUCKET) in may_list:
            return
        # As in S3: the response to HEAD has no body and therefore no code.
        error["Code"] = "403" if error["Code"] == "404" else "AccessDenied"
        error["Message"] = "Forbidden"
        http_response.status_code = parsed["ResponseMetadata"]["HTTPStatusCode"] = 403

    for operation in _OPERATIONS:
        session.events.register(f"before-parameter-build.s3.{operation}", remember)
        session.events.register(f"after-call.s3.{operation}", answer)
