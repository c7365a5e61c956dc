"""Presigned POSTs: permission for one browser to put one file of a given type and size under one key."""

import functools
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def presigned_post(
    bucket: str, key: str, content_type: str, max_bytes: int, expires_in: int, metadata: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """{"url": ..., "fields": {...}}: what a multipart/form-data POST is sent to, and with. `expires_in`: seconds.

    S3 refuses another key, another type, other metadata, an empty file and one of more than `max_bytes`.
    """
    fields = {"Content-Type": content_type} | {f"x-amz-meta-{name}": text for name, text in (metadata or {}).items()}
    return client().generate_presigned_post(
        bucket,
        key,
        Fields=fields,
        Conditions=[*({name: value} for name, value in fields.items()), ["content-length-range", 1, max_bytes]],
        ExpiresIn=expires_in,
    )


@functools.cache
def client() -> "S3Client":
    """The client of this process."""
    # Region, and the style that makes boto3 name the regional endpoint: from the global one a browser would be
    # redirected (307), to an address that CORS does not let it go to. An endpoint of one's own, such as that of
    # the local cloud, has no host name for each bucket.
    own_endpoint = any(os.environ.get(name) for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if own_endpoint else "virtual", "us_east_1_regional_endpoint": "regional"},
    )
    # Lambda sets the first one, the AWS CLI and local runs the second.
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return boto3.client("s3", region_name=region, config=config)
