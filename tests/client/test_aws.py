import pytest
from botocore.exceptions import (
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
    ParamValidationError,
    UnauthorizedSSOTokenError,
)

from pneumonia_cli.client.aws import Aws, error_code, errors_in_words, is_aws, status_code
from pneumonia_cli.client.errors import CliError, CredentialsError, NetworkError, ServiceError, UsageProblem


def refused(code: str, status: int = 400) -> ClientError:
    response = {"Error": {"Code": code, "Message": "why"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "PutObject")  # type: ignore[arg-type] # as much of it as is read


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (NoCredentialsError(), CredentialsError, "aws sso login"),
        (UnauthorizedSSOTokenError(), CredentialsError, "expired"),
        (NoRegionError(), UsageProblem, "--region"),
        (refused("AccessDenied"), CredentialsError, "PutObject"),
        (refused("ExpiredToken"), CredentialsError, "still valid"),
        (refused("NoSuchBucket"), ServiceError, "NoSuchBucket"),
        (EndpointConnectionError(endpoint_url="https://x"), NetworkError, "Check the network"),
        (ParamValidationError(report="r"), ServiceError, "Doing"),
    ],
)
def test_errors_of_botocore_become_words(error: Exception, kind: type[CliError], words: str) -> None:
    with pytest.raises(kind, match=words), errors_in_words("Doing"):
        raise error


def test_parts_of_an_error() -> None:
    assert (error_code(refused("NoSuchKey", 404)), status_code(refused("NoSuchKey", 404))) == ("NoSuchKey", 404)


def test_a_profile_that_is_not_there() -> None:
    with pytest.raises(UsageProblem, match="nobody"):
        Aws(profile="nobody")


def test_the_region_of_the_variable_that_messages_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert Aws().region == "eu-central-1"
    assert Aws(region="eu-west-1").region == "eu-west-1"


def test_no_credentials() -> None:
    with Aws(region="eu-central-1") as aws, pytest.raises(CredentialsError):
        aws.credentials()


@pytest.mark.parametrize(
    ("endpoint", "path_style"), [(None, False), ("http://localhost:9", True), ("https://minio.example.org", True)]
)
def test_buckets_are_host_names_at_aws_only(endpoint: str | None, path_style: bool) -> None:
    with Aws(region="eu-central-1", endpoint_url=endpoint, keys=("testing", "testing")) as aws:
        url = aws.s3().generate_presigned_url("get_object", Params={"Bucket": "films", "Key": "k"})
        assert ("/films/k" in url) is path_style


@pytest.mark.parametrize(
    ("endpoint", "answer"),
    [
        ("https://sqs.eu-central-1.amazonaws.com", True),
        ("https://vpce-1.sqs.eu-central-1.vpce.amazonaws.com", True),
        ("http://localhost:8001", False),
        ("https://amazonaws.com.evil.example", False),
    ],
)
def test_endpoints_of_aws_are_recognized(endpoint: str, answer: bool) -> None:
    assert is_aws(endpoint) is answer
