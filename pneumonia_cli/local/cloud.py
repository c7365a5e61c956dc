"""Local S3, SQS and Secrets Manager (moto) with the buckets, the queues and the notification of the stack."""

import contextlib
import http.client
import json
import os
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

from pneumonia_cli.local import names
from pneumonia_cli.local.names import CREDENTIAL, DEAD_LETTER_QUEUE, HOST, QUEUE, REGION, RESULT_BUCKET, UPLOAD_BUCKET
from pneumonia_cli.local.unlisted import functions_may_list
from pneumonia_cli.local.wsgi_server import running
from pneumonia_cli.stack.settings import MAX_RECEIVES, StackSettings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CORSRuleTypeDef
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

_CLIENT_CONNECTIONS = 16


@dataclass(frozen=True)
class Cloud:
    """A running local cloud. `endpoint_url` serves all its services, and every client specifies it explicitly."""

    endpoint_url: str
    s3: "S3Client"
    sqs: "SQSClient"
    queue_url: str
    queue_arn: str
    dead_letter_queue_url: str
    page_origins: set[str] = field(default_factory=set)
    """Origins whose pages may send uploads to the upload bucket, as its CORS rule allows at AWS."""

    def dead_letters(self) -> int:
        """Return the number of messages that failed permanently."""
        name: QueueAttributeNameType = "ApproximateNumberOfMessages"
        found = self.sqs.get_queue_attributes(QueueUrl=self.dead_letter_queue_url, AttributeNames=[name])
        return int(found["Attributes"][name])


def client_environment(endpoint_url: str) -> dict[str, str]:
    """Return the environment with which boto3 and the AWS CLI use the local cloud instead of the user's account."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": CREDENTIAL,
        "AWS_SECRET_ACCESS_KEY": CREDENTIAL,
        "AWS_DEFAULT_REGION": REGION,
    }


@contextlib.contextmanager
def local_cloud(settings: StackSettings, port: int = 0) -> Iterator[Cloud]:
    """Run a local cloud during a `with` block, and point the clients of the handlers to it.

    `settings`: the settings of the stack. `port` 0 takes a free port. At the end all stored objects are deleted. Raises
    wsgi_server.PortInUse.
    """
    page_origins = set(settings.cors_origins)

    def admits(origin: str, method: str, path: str) -> bool:
        # Without these limits, moto would accept every request from every page.
        return origin in page_origins and method in ("OPTIONS", "POST") and path.rstrip("/") == f"/{UPLOAD_BUCKET}"

    with running(DomainDispatcherApplication(create_backend_app), port, MotoRequestHandler, admits) as bound:
        endpoint_url = names.endpoint_url(bound)
        # The roles of the functions may list only the upload bucket (infra/uploads.py).
        with isolated_environment(os.environ, endpoint_url), functions_may_list(UPLOAD_BUCKET):
            cloud = replace(_create_resources(endpoint_url, settings), page_origins=page_origins)
            try:
                yield cloud
            finally:
                cloud.s3.close()
                cloud.sqs.close()
                forget_everything(bound)


@contextlib.contextmanager
def isolated_environment(env: MutableMapping[str, str], endpoint_url: str) -> Iterator[None]:
    """Replace all AWS variables, profiles and credential files during a `with` block, and restore them at its end.

    Also sets UPLOAD_ORIGIN, the address of presigned uploads.
    """
    before = dict(env)
    for name in [name for name in env if name.startswith("AWS_")]:
        del env[name]
    env.update(client_environment(endpoint_url))
    env.update(
        {
            "UPLOAD_ORIGIN": endpoint_url,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
    )
    # A proxy of the user's network cannot reach the ports of this machine.
    for name in ("NO_PROXY", "no_proxy"):
        env[name] = ",".join(filter(None, (env.get(name), "localhost", HOST)))
    try:
        yield
    finally:
        env.clear()
        env.update(before)


def _create_resources(endpoint_url: str, settings: StackSettings) -> Cloud:
    session = boto3.Session(aws_access_key_id=CREDENTIAL, aws_secret_access_key=CREDENTIAL, region_name=REGION)
    config = Config(
        s3={"addressing_style": "path"},
        max_pool_connections=_CLIENT_CONNECTIONS,
        retries={"mode": "standard", "max_attempts": 2},
    )
    s3 = session.client("s3", endpoint_url=endpoint_url, config=config)
    sqs = session.client("sqs", endpoint_url=endpoint_url, config=config)

    s3.create_bucket(Bucket=UPLOAD_BUCKET)
    s3.put_bucket_versioning(Bucket=UPLOAD_BUCKET, VersioningConfiguration={"Status": "Enabled"})
    # As in infra/uploads.py: a browser sends a preflight request before it uploads.
    rule: CORSRuleTypeDef = {
        "AllowedMethods": ["POST"],
        "AllowedOrigins": [f"http://{HOST}:*", *settings.cors_origins],
        "AllowedHeaders": ["content-type"],
    }
    s3.put_bucket_cors(Bucket=UPLOAD_BUCKET, CORSConfiguration={"CORSRules": [rule]})
    s3.create_bucket(Bucket=RESULT_BUCKET)

    dead_letter_queue_url = sqs.create_queue(QueueName=DEAD_LETTER_QUEUE)["QueueUrl"]
    redrive = {"deadLetterTargetArn": _arn(sqs, dead_letter_queue_url), "maxReceiveCount": MAX_RECEIVES}
    queue_url = sqs.create_queue(
        QueueName=QUEUE,
        Attributes={
            "VisibilityTimeout": str(settings.visibility_timeout_seconds),
            "RedrivePolicy": json.dumps(redrive),
        },
    )["QueueUrl"]
    queue_arn = _arn(sqs, queue_url)
    s3.put_bucket_notification_configuration(
        Bucket=UPLOAD_BUCKET,
        NotificationConfiguration={"QueueConfigurations": [{"QueueArn": queue_arn, "Events": ["s3:ObjectCreated:*"]}]},
    )
    return Cloud(endpoint_url, s3, sqs, queue_url, queue_arn, dead_letter_queue_url)


def _arn(sqs: "SQSClient", queue_url: str) -> str:
    return sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]


def forget_everything(port: int) -> None:
    # moto keeps its state in the process, so the reset makes the next local cloud of this process start empty.
    connection = http.client.HTTPConnection(HOST, port)
    with contextlib.closing(connection):
        connection.request("POST", "/moto-api/reset")
        connection.getresponse().read()
