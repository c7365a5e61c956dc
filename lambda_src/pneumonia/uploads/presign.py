"""Create presigned POSTs, which allow a client to put one file of a given type and size under one key."""

from collections.abc import Mapping
from typing import Any

from pneumonia import aws


def presigned_post(
    bucket: str, key: str, content_type: str, max_bytes: int, expires_in: int, metadata: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Return {"url": ..., "fields": {...}}: the URL and the fields of a multipart/form-data POST.

    `expires_in`: seconds. S3 refuses another key, another type, other metadata, an empty file, and a file of more than
    `max_bytes` bytes.
    """
    fields = {"Content-Type": content_type} | {f"x-amz-meta-{name}": text for name, text in (metadata or {}).items()}
    return aws.s3_for_presigning().generate_presigned_post(
        bucket,
        key,
        Fields=fields,
        Conditions=[*({name: value} for name, value in fields.items()), ["content-length-range", 1, max_bytes]],
        ExpiresIn=expires_in,
    )
