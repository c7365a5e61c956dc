"""Read the readers' feedback on results from the results bucket (setting `feedback`)."""

import contextlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pneumonia.uploads.names import FEEDBACK
from pneumonia_cli.client.aws import errors_in_words
from pneumonia_cli.client.errors import ServiceError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Feedback = Mapping[str, Mapping[str, Any]]
"""`verdict`, `reason`, `given_at` and `judged` (the result that was judged), by upload key."""


def fetch_feedback(s3: "S3Client", bucket: str, prefix: str) -> Feedback:
    """Return all feedback on uploads whose keys start with `prefix`. Raises ServiceError."""
    found: dict[str, dict[str, Any]] = {}
    with errors_in_words("Feedback in S3"):
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=FEEDBACK + prefix):
            for entry in page.get("Contents", []):
                with contextlib.closing(s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"]) as body:
                    content = body.read()
                try:
                    said = json.loads(content)
                    found[said.pop("source")["key"]] = {"verdict": said["verdict"], **said}
                except (ValueError, KeyError, TypeError, AttributeError):
                    raise ServiceError(
                        f"{entry['Key']} in the results bucket is not feedback of this project. "
                        "Move it out of the bucket, then run the command again."
                    ) from None
    return found
