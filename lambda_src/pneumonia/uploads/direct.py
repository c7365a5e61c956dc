"""An image that came with its request, put where uploads lie: from there on it is an upload like any other."""

import enum

from pneumonia import aws
from pneumonia.uploads.reader import read_result


class Put(enum.Enum):
    """What became of an image: it was stored, or its prediction was there already."""

    STORED = "stored"
    PREDICTED_BEFORE = "predicted_before"


def put_upload(uploads: str, results: str, key: str, data: bytes, content_type: str) -> Put:
    """Store the bytes of an image under a key that is made of them, unless they have a prediction already.

    `uploads`, `results`: names of the buckets. An image that was refused before, or whose result has not come yet, is
    stored again, as a new version: it has one result all the same, since the key is the same. Raises ClientError or
    BotoCoreError if S3 fails.
    """
    known = read_result(results, key)
    if known is not None and known.status == "predicted":
        return Put.PREDICTED_BEFORE
    aws.s3_for_callers().put_object(Bucket=uploads, Key=key, Body=data, ContentType=content_type)
    return Put.STORED
