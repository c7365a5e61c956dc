"""The AWS clients, with timeouts that suit their calls. Each client except `lambda_for_one_call` is created once per
process, at first use.

This module imports boto3, which takes longer to load than all other Python code of a prediction. To keep cold starts
short, code that predicts over HTTP imports this module inside the functions that need it.
"""

import functools
import os
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_codedeploy import CodeDeployClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_lambda import LambdaClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient


@functools.cache
def s3() -> "S3Client":
    """Return the client for uploads and their results.

    Its calls fail before the function times out, so that SQS can retry.
    """
    return boto3.client("s3", config=_config(connect=3, read=10, retries=3))


@functools.cache
def s3_for_callers() -> "S3Client":
    """Return the client for results that a caller waits for. Calls fail early, because the caller can try again."""
    return boto3.client("s3", config=_config(connect=2, read=5, retries=2))


@functools.cache
def s3_for_presigning() -> "S3Client":
    """Return the client that signs requests for browsers. It makes no call itself."""
    # The region and this addressing style make boto3 use the regional endpoint. The global one would redirect a browser
    # (307) to an address that CORS blocks. A custom endpoint, such as that of the local cloud, needs the bucket in the
    # path, because it has no host name for each bucket.
    own_endpoint = any(os.environ.get(name) for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"))
    config = Config(
        signature_version="s3v4",
        s3={"addressing_style": "path" if own_endpoint else "virtual", "us_east_1_regional_endpoint": "regional"},
    )
    # Lambda sets the first variable, the AWS CLI and local runs the second.
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    return boto3.client("s3", region_name=region, config=config)


@functools.cache
def events() -> "EventBridgeClient":
    """Return the client for events of finished predictions.

    The call for one upload takes at most 12 s, so the calls for a batch of five uploads take at most a minute. The
    function times out after two minutes.
    """
    return boto3.client("events", config=_config(connect=3, read=3, retries=2))


@functools.cache
def secrets() -> "SecretsManagerClient":
    """Return the client for the access token. Calls fail early, because the first request of an instance waits for the
    token."""
    return boto3.client("secretsmanager", config=_config(connect=2, read=3, retries=2))


@functools.cache
def codedeploy() -> "CodeDeployClient":
    """Return the client that reports the verdict on a release."""
    return boto3.client("codedeploy", config=Config(retries={"mode": "standard", "max_attempts": 5}))


def lambda_for_one_call(timeout_seconds: float) -> "LambdaClient":
    """Return a client for one invoke of up to `timeout_seconds`. It does not retry, because no time is left."""
    config = Config(connect_timeout=5, read_timeout=timeout_seconds, retries={"total_max_attempts": 1})
    return boto3.client("lambda", config=config)


def _config(connect: float, read: float, retries: int) -> Config:
    """Return a configuration with timeouts in seconds (to connect, to wait for data) and the number of retries."""
    return Config(connect_timeout=connect, read_timeout=read, retries={"mode": "standard", "max_attempts": retries})
