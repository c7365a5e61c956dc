"""AWS clients with the user's credentials, and messages for AWS errors."""

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    EndpointConnectionError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
    ProfileNotFound,
    SSOError,
    TokenRetrievalError,
)

from pneumonia_cli.client.errors import CredentialsError, NetworkError, ServiceError, UsageProblem
from pneumonia_cli.client.signing import is_loopback

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

_NO_CREDENTIALS = (
    "There are no AWS credentials. Log in (aws sso login, aws configure) or choose a profile (--profile, AWS_PROFILE)."
)
_REFUSED_CREDENTIALS = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidToken",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
        "403",
    }
)


class Aws:
    """A boto3 session. Raises UsageProblem if the profile does not exist."""

    def __init__(
        self,
        *,
        profile: str | None = None,
        region: str | None = None,
        endpoint_url: str | None = None,
        keys: tuple[str, str] | None = None,
    ) -> None:
        """`endpoint_url` and `keys` are for the local cloud. Without them boto3 uses its defaults."""
        self._endpoint_url = endpoint_url
        self._clients: list[Any] = []
        # boto3 does not read AWS_REGION, but the AWS CLI, the CDK and our messages use it.
        options: dict[str, Any] = {"region_name": region or os.environ.get("AWS_REGION")}
        if keys is not None:
            options |= {"aws_access_key_id": keys[0], "aws_secret_access_key": keys[1]}
        elif profile is not None:
            options["profile_name"] = profile
        try:
            self._session = boto3.Session(**options)
        except ProfileNotFound as error:
            raise UsageProblem(f"{error}. `aws configure list-profiles` lists the profiles.") from None

    def __enter__(self) -> "Aws":
        return self

    def __exit__(self, *_error: object) -> None:
        for client in self._clients:
            client.close()

    @property
    def region(self) -> str | None:
        return self._session.region_name

    def credentials(self) -> Credentials:
        """Return the AWS credentials. Raises CredentialsError."""
        with errors_in_words("AWS credentials"):
            found = self._session.get_credentials()
        if found is None:
            raise CredentialsError(_NO_CREDENTIALS)
        return found

    def s3(self, connections: int = 10) -> "S3Client":
        """Return an S3 client that up to `connections` threads can share."""
        client: S3Client = self._client("s3", connections)
        if not is_aws(client.meta.endpoint_url):
            # S3 servers other than AWS rarely have a host name for each bucket.
            client = self._client("s3", connections, s3={"addressing_style": "path"})
        return client

    def sqs(self) -> "SQSClient":
        client: SQSClient = self._client("sqs")
        return client

    def client(self, service: str) -> Any:
        """Return a client for another service."""
        return self._client(service)

    def _client(self, service: str, connections: int = 10, **config: Any) -> Any:
        with errors_in_words(service):
            client = self._session.client(  # type: ignore[call-overload] # the stubs accept only literal names
                service,
                endpoint_url=self._endpoint_url,
                config=Config(
                    retries={"mode": "standard", "max_attempts": 5},
                    max_pool_connections=connections,
                    connect_timeout=10,
                    **config,
                ),
            )
        self._clients.append(client)
        return client


def is_aws(endpoint_url: str) -> bool:
    """Return whether an endpoint belongs to AWS, and not to an emulator (moto, MinIO)."""
    host = urlsplit(endpoint_url).hostname or ""
    return host.endswith((".amazonaws.com", ".amazonaws.com.cn", ".api.aws"))


def error_code(error: ClientError) -> str:
    """Return the error code, such as "NoSuchKey"."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_code(error: ClientError) -> int:
    """Return the HTTP status, or 0 if there is none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


@contextlib.contextmanager
def errors_in_words(doing: str) -> Iterator[None]:
    """Turn botocore's errors into CliErrors. `doing` names the operation in the message, such as "Upload to S3"."""
    try:
        yield
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise CredentialsError(_NO_CREDENTIALS) from error
    except (SSOError, TokenRetrievalError) as error:
        raise CredentialsError(f"The AWS login has expired ({error}). Run `aws sso login`.") from error
    except NoRegionError as error:
        raise UsageProblem("No AWS region is set. Specify --region, or set AWS_REGION.") from error
    except ClientError as error:
        code = error_code(error)
        operation = f"{doing}: AWS refused {error.operation_name} ({code})"
        if code in _REFUSED_CREDENTIALS:
            raise CredentialsError(
                f"{operation}. Check that the credentials belong to the stack's account, are still valid and have the "
                "permission."
            ) from error
        message = " ".join(str(error.response.get("Error", {}).get("Message", "")).split())
        raise ServiceError(f"{operation}: {message[:300]}") from error
    except (EndpointConnectionError, ConnectionClosedError, HTTPClientError) as error:
        endpoint = str(error.kwargs.get("endpoint_url", ""))
        advice = (
            "Check that `pneumonia serve` is running."
            if is_loopback(endpoint)
            else "Check the network, the region and AWS_ENDPOINT_URL."
        )
        raise NetworkError(f"{doing}: no connection ({error}). {advice}") from error
    except BotoCoreError as error:
        raise ServiceError(f"{doing}: {error}") from error
