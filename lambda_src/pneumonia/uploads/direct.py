"""Put an image from the body of a request into the upload bucket. From there it is processed like any upload."""

import enum

from pneumonia import aws
from pneumonia.uploads.reader import read_result


class Put(enum.Enum):
    """The outcome of a put: the image was stored, or its prediction already exists."""

    STORED = "stored"
    PREDICTED_BEFORE = "predicted_before"


def put_upload(uploads: str, results: str, key: str, data: bytes, content_type: str) -> Put:
    """Store an image under `key`, which is derived from its bytes, unless the image already has a prediction.

    `uploads`, `results`: names of the buckets. An image that was rejected, or that has no result yet, is stored again
    as a new version. Both versions have the same key and one result. Raises ClientError or BotoCoreError if S3 fails.
    """
    known = read_result(results, key)
    if known is not None and known.status == "predicted":
        return Put.PREDICTED_BEFORE
    aws.s3_for_callers().put_object(Bucket=uploads, Key=key, Body=data, ContentType=content_type)
    return Put.STORED
