"""What all who look into a queue of the stack need to know of SQS."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient
    from mypy_boto3_sqs.literals import QueueAttributeNameType

BATCH = 10
"""The most messages that SQS takes or gives at once."""

EMPTY_RECEIVES = 3
"""In a row, before a queue counts as empty: one poll of SQS asks only some of its servers."""


def count(sqs: "SQSClient", queue_url: str) -> int:
    """About how many messages a queue holds, those being worked on included."""
    names: list[QueueAttributeNameType] = [
        "ApproximateNumberOfMessages",
        "ApproximateNumberOfMessagesNotVisible",
        "ApproximateNumberOfMessagesDelayed",
    ]
    attributes = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)["Attributes"]
    return sum(int(attributes[name]) for name in names)
