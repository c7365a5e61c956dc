from typing import Any

import pytest
from botocore.exceptions import ClientError

from pneumonia_cli.client.batch.lost import lost
from pneumonia_cli.client.errors import ServiceError
from tests.conftest import UPLOADS

KEYS = ["batch/a/1", "batch/a/2", "batch/a/3"]


class Refusing:
    """An S3 that returns an error for every listing."""

    def __init__(self, code: str, status: int) -> None:
        self._response = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}

    def get_paginator(self, _name: str) -> "Refusing":
        return self

    def paginate(self, **_arguments: Any) -> Any:
        raise ClientError(self._response, "ListObjectsV2")  # type: ignore[arg-type] # as much of it as is read


def test_uploads_that_are_not_in_the_bucket_are_lost(s3: Any) -> None:
    for key in ("batch/a/2", "batch/b/1"):
        s3.put_object(Bucket=UPLOADS, Key=key, Body=b"x")
    assert lost(s3, UPLOADS, "batch/a/", KEYS) == {"batch/a/1", "batch/a/3"}
    s3.delete_object(Bucket=UPLOADS, Key="batch/a/2")  # a version of it still exists
    assert lost(s3, UPLOADS, "batch/a/", KEYS) == set(KEYS)


def test_without_permission_to_list_no_upload_counts_as_lost() -> None:
    refusing: Any = Refusing("AccessDenied", 403)
    assert lost(refusing, UPLOADS, "batch/a/", KEYS) is None


def test_other_errors_are_reported() -> None:
    refusing: Any = Refusing("NoSuchBucket", 404)
    with pytest.raises(ServiceError, match="NoSuchBucket"):
        lost(refusing, UPLOADS, "batch/a/", KEYS)
