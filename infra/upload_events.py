"""A queue as destination of the upload bucket's events, with the permissions for sending."""

from __future__ import annotations

from typing import Final, cast

import jsii
from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs
from aws_cdk.interfaces import aws_s3 as interfaces
from constructs import Construct, IDependable

_S3: Final = "s3.amazonaws.com"


@jsii.implements(s3.IBucketNotificationDestination)
class UploadEvents:
    """A queue that accepts events only from one bucket of this account.

    The CDK's destination allows S3 to use the queue's key for any bucket of any account. It also does not check the
    account of the bucket. Another account could take the name of a deleted bucket.
    """

    def __init__(self, queue: sqs.Queue, key: kms.Key | None) -> None:
        self._queue = queue
        self._key = key

    def bind(self, scope: Construct, bucket: interfaces.IBucketRef) -> s3.BucketNotificationDestinationConfig:
        """Allow `bucket` to send to the queue with its key. Called by the CDK."""
        self._queue.add_to_resource_policy(
            _for(bucket, "sqs:SendMessage", "sqs:GetQueueAttributes", "sqs:GetQueueUrl", of=self._queue.queue_arn)
        )
        if self._key is not None:
            self._key.add_to_resource_policy(_for(bucket, "kms:GenerateDataKey*", "kms:Decrypt", of="*"))
        return s3.BucketNotificationDestinationConfig(
            arn=self._queue.queue_arn,
            type=s3.BucketNotificationDestinationType.QUEUE,
            # The queue and its policy must exist first: S3 sends a test message when the notification is set.
            dependencies=[cast(IDependable, self._queue)],
        )


def _for(bucket: interfaces.IBucketRef, *actions: str, of: str) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        principals=[iam.ServicePrincipal(_S3)],
        actions=list(actions),
        resources=[of],
        conditions={
            "ArnLike": {"aws:SourceArn": bucket.bucket_ref.bucket_arn},
            "StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID},
        },
    )
