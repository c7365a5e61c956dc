from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.conftest import RESULTS, UPLOADS


@pytest.fixture
def handlers_s3(s3: Any) -> Any:
    """Return a client as a function makes it."""
    return boto3.client("s3")


@pytest.mark.parametrize(
    ("call", "bucket", "code"),
    [
        ("get_object", RESULTS, "AccessDenied"),
        ("head_object", RESULTS, "403"),
        ("get_object", UPLOADS, "NoSuchKey"),
        ("head_object", UPLOADS, "404"),
    ],
)
def test_an_absent_object_is_forbidden_without_the_permission_to_list(
    handlers_s3: Any, call: str, bucket: str, code: str
) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(handlers_s3, call)(Bucket=bucket, Key="absent.json")
    assert caught.value.response["Error"]["Code"] == code
    status = 404 if bucket == UPLOADS else 403
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == status


def test_existing_objects_can_be_read(handlers_s3: Any, s3: Any) -> None:
    s3.put_object(Bucket=RESULTS, Key="there.json", Body=b"{}")
    assert handlers_s3.head_object(Bucket=RESULTS, Key="there.json")["ContentLength"] == 2


def test_another_session_gets_404(s3: Any) -> None:
    with pytest.raises(ClientError) as caught:
        s3.get_object(Bucket=RESULTS, Key="absent.json")
    assert caught.value.response["Error"]["Code"] == "NoSuchKey"
