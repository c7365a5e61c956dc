"""The AWS clients: each is made once a process, at its first use, with the time limits that this use allows.

To import this module is to load boto3, which costs a cold start more than all else that a prediction needs in Python.
What predicts over HTTP imports it inside the functions that need it.
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
    """For uploads and their results. SQS repeats better than a call that hangs until the function's own timeout."""
    return boto3.client("s3", config=_config(connect=3, read=10, retries=3))


@functools.cache
def s3_for_callers() -> "S3Client":
    """For results that a caller waits for: whoever asks for a result asks again."""
    return boto3.client("s3", config=_config(connect=2, read=5, retries=2))


@functools.cache
def s3_for_presigning() -> "S3Client":
    """For presigned requests, which a browser sends: it makes no call itself."""
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


@functools.cache
def events() -> "EventBridgeClient":
    """For events of finished predictions: at worst 12 s for an upload, a minute for a batch of five, of the two that
    the function has."""
    return boto3.client("events", config=_config(connect=3, read=3, retries=2))


@functools.cache
def secrets() -> "SecretsManagerClient":
    """For the access token. Every first request of an instance waits for it: better a quick failure, tried again."""
    return boto3.client("secretsmanager", config=_config(connect=2, read=3, retries=2))


@functools.cache
def codedeploy() -> "CodeDeployClient":
    """For the verdict on a release."""
    return boto3.client("codedeploy", config=Config(retries={"mode": "standard", "max_attempts": 5}))


def lambda_for_one_call(timeout_seconds: float) -> "LambdaClient":
    """For one invoke that may take `timeout_seconds`, and that is not repeated: there is no time for a second one."""
    config = Config(connect_timeout=5, read_timeout=timeout_seconds, retries={"total_max_attempts": 1})
    return boto3.client("lambda", config=config)


def _config(connect: float, read: float, retries: int) -> Config:
    """Seconds to connect and to wait for data, and how often a call that failed is repeated."""
    return Config(connect_timeout=connect, read_timeout=read, retries={"mode": "standard", "max_attempts": retries})
