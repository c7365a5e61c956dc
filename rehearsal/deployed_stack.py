"""The deployed stack as an operator sees it through the AWS APIs."""

import contextlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import boto3

from pneumonia_cli.client.queues import count
from rehearsal.api import call
from rehearsal.proof import require

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sqs import SQSClient

PATIENCE_SECONDS = 180
"""Longest time to wait for an expected event before failing. The event usually comes much sooner."""


def until(holds: Callable[[], bool], otherwise: str) -> None:
    """Wait until `holds` returns true. Raise NotShown with the message `otherwise` if it does not in time."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        require(time.monotonic() < deadline, otherwise)
        time.sleep(0.2)


class DeployedStack:
    """A stack with its resources, queues and buckets, found by its name."""

    def __init__(self, name: str, s3: "S3Client", sqs: "SQSClient") -> None:
        self.name = name
        self.s3 = s3
        self.sqs = sqs

    @property
    def outputs(self) -> dict[str, str]:
        described = call("cloudformation", "describe_stacks", StackName=self.name)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}

    def resources(self) -> list[tuple[str, str]]:
        """Return type and physical id of each resource. The id is empty if moto has none, as for a permission."""
        found = call("cloudformation", "describe_stack_resources", StackName=self.name)["StackResources"]
        return [(resource["ResourceType"], resource.get("PhysicalResourceId", "")) for resource in found]

    def types(self) -> Counter[str]:
        """Return the number of resources of each type."""
        return Counter(found for found, _ in self.resources())

    def of_type(self, resource_type: str, containing: str = "") -> list[str]:
        """Return the physical ids of one type that contain `containing`, such as a part of a function's name."""
        return [id_ for found, id_ in self.resources() if found == resource_type and containing in id_]

    @property
    def status(self) -> str:
        """The status, such as UPDATE_COMPLETE."""
        return str(call("cloudformation", "describe_stacks", StackName=self.name)["Stacks"][0]["StackStatus"])

    def live(self) -> dict[str, str]:
        """Return the version of the alias of each function that has one, by the function's name."""
        aliases = [id_.rsplit(":", 2)[1:] for id_ in self.of_type("AWS::Lambda::Alias")]
        return {
            function: call("lambda", "get_alias", FunctionName=function, Name=alias)["FunctionVersion"]
            for function, alias in aliases
        }

    def alarm(self, containing: str) -> dict[str, Any]:
        """Return the only alarm whose name contains this text."""
        (name,) = self.of_type("AWS::CloudWatch::Alarm", containing)
        alarm: dict[str, Any] = call("cloudwatch", "describe_alarms", AlarmNames=[name])["MetricAlarms"][0]
        return alarm

    def dead_letters(self) -> int:
        """Return the number of messages in the dead-letter queue."""
        return count(self.sqs, self.outputs["DeadLetterQueueUrl"])

    def waiting(self) -> int:
        """Return the number of upload messages in the queue, including those that the worker holds."""
        return count(self.sqs, self.outputs["UploadQueueUrl"])

    def has_result(self, key: str) -> bool:
        """Return whether the upload with this key has a result."""
        found = self.s3.list_objects_v2(Bucket=self.outputs["ResultBucketName"], Prefix=f"{key}.json")
        return found["KeyCount"] > 0

    @contextlib.contextmanager
    def refusing_results(self) -> Iterator[None]:
        """Break the service during a `with` block: the results bucket refuses all writes."""
        bucket = self.outputs["ResultBucketName"]
        statement = {
            "Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*",
        }  # fmt: skip
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.s3.put_bucket_policy(Bucket=bucket, Policy=policy)
        try:
            yield
        finally:
            self.s3.delete_bucket_policy(Bucket=bucket)


@contextlib.contextmanager
def looked_at(name: str) -> Iterator[DeployedStack]:
    """Yield the stack with this name during a `with` block. Its clients are closed at the end."""
    with contextlib.closing(boto3.client("s3")) as s3, contextlib.closing(boto3.client("sqs")) as sqs:
        yield DeployedStack(name, s3, sqs)
