"""S3 as a role meets it: an absent object is forbidden, not absent, where the role may not list the bucket.

moto, which plays S3 here, knows no permissions and answers 404. A handler that relies on that works on this machine
and fails at AWS.
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
    """For the length of a `with` block, clients of boto3's default session, as functions make theirs, may list these
    buckets and no other."""
    before = boto3.DEFAULT_SESSION
    boto3.DEFAULT_SESSION = session = boto3.Session()
    absent_is_forbidden(session, buckets)
    try:
        yield
    finally:
        boto3.DEFAULT_SESSION = before


def absent_is_forbidden(session: boto3.Session, may_list: Collection[str]) -> None:
    """From now on clients of a session get 403 for absent objects, except in the buckets that `may_list` names.

    Clients that were made before stay as they are.
    """

    def remember(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context[_BUCKET] = params.get("Bucket")

    def answer(http_response: Any, parsed: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        error = parsed.get("Error", {})
        if error.get("Code") not in _ABSENT or context.get(_BUCKET) in may_list:
            return
        # As S3 says it: HEAD has no body, and so no code.
        error["Code"] = "403" if error["Code"] == "404" else "AccessDenied"
        error["Message"] = "Forbidden"
        http_response.status_code = parsed["ResponseMetadata"]["HTTPStatusCode"] = 403

    for operation in _OPERATIONS:
        session.events.register(f"before-parameter-build.s3.{operation}", remember)
        session.events.register(f"after-call.s3.{operation}", answer)
