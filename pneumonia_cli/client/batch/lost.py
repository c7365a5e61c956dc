"""Find uploads of a batch that are gone: deleted, expired, or lost when a local cloud was restarted."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from pneumonia_cli.client.aws import errors_in_words, status_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def lost(s3: "S3Client", bucket: str, prefix: str, keys: Iterable[str]) -> set[str] | None:
    """Return the `keys` (all under `prefix`) that are not in the bucket, or None without permission to list it.

    Sends one request for each thousand objects of the batch. Raises ServiceError.
    """
    gone = set(keys)
    with errors_in_words("Uploads in S3"):
        try:
            for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
                gone.difference_update(entry["Key"] for entry in page.get("Contents", []))
        except ClientError as error:
            if status_code(error) == 403:
                return None
            raise
    return gone
