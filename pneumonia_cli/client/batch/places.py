"""The parts of a stack that a batch uses: its buckets, its queues and its API."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pneumonia_cli.client.aws import Aws
from pneumonia_cli.client.door import open_service
from pneumonia_cli.client.service import Service
from pneumonia_cli.client.target import Target, resolve

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient


@dataclass(frozen=True)
class Places:
    """The buckets and queues that a batch uses. Without SQS or one of the queues, a time limit ends the waiting."""

    s3: "S3Client"
    upload_bucket: str | None
    result_bucket: str
    sqs: "SQSClient | None" = None
    queue_url: str | None = None
    dead_letter_queue_url: str | None = None

    @property
    def settings(self) -> dict[str, str]:
        """The settings that must not change between the runs of a journal."""
        named = {"upload bucket": self.upload_bucket, "results bucket": self.result_bucket}
        return {name: bucket for name, bucket in named.items() if bucket is not None}


def open_batch(
    aws: Aws, stack: str | None, named: Target, token: str | None, *, sign: bool, connections: int, uploads: bool
) -> tuple[Places, Service]:
    """Return the buckets and queues of a stack, and its API.

    `uploads`: False if results are only fetched. Raises UsageProblem, ServiceError.
    """
    if uploads:
        needed: tuple[str, ...] = ("url", "upload_bucket", "result_bucket")
        target = resolve(aws, stack, named, needed, useful=("queue_url", "dead_letter_queue_url"))
    else:
        target = resolve(aws, stack, named, needed=("url", "result_bucket"))
    service = open_service(target.url, aws, token, sign=sign)
    sqs = aws.sqs() if uploads and target.queue_url and target.dead_letter_queue_url else None
    places = Places(
        aws.s3(connections),
        target.upload_bucket if uploads else None,
        str(target.result_bucket),
        sqs,
        target.queue_url,
        target.dead_letter_queue_url,
    )
    return places, service
