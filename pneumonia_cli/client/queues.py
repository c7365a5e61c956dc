"""Limits and counts of SQS, for all commands that read a queue of the stack."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

BATCH = 10
"""The most messages in one request to SQS."""

EMPTY_RECEIVES = 3
"""Number of consecutive empty polls after which a queue counts as empty. One poll asks only some of the SQS servers."""


def count(sqs: "SQSClient", queue_url: str) -> int:
    """Return the approximate number of messages in a queue, including those in flight."""
    names: list[QueueAttributeNameType] = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)
