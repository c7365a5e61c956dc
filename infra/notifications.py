"""Least privilege for the CDK's function that sets bucket notifications.

CloudFormation cannot create a bucket, the queue that trusts it, and the notification between them in one step without
a circular reference. The CDK avoids it with a small custom-resource function. By default that function may change the
notifications of every bucket of the account and write to every log group.
"""

from __future__ import annotations

from typing import Final, cast

from aws_cdk import CfnResource, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from infra.log_groups import function_role
from pneumonia_cli.stack.settings import StackSettings

# The construct id of the CDK's notification handler in a stack.
_HANDLER_ID: Final = "BucketNotificationsHandler050a0587b7544547bf325f094a3db834"


class NotificationsRole(Construct):
    """A role to pass as ``notifications_handler_role``. After that, call :meth:`allow` for the bucket.

    Attributes:
        role: the role to pass. It ignores the statements that the CDK would add.
    """

    def __init__(
        self, scope: Construct, construct_id: str, *, settings: StackSettings, log_key: kms.IKey | None
    ) -> None:
        super().__init__(scope, construct_id)
        self._role, self._logs = function_role(
            self, "", settings, log_key, description="Sets the notifications of the upload bucket at deployment"
        )
        self.role: iam.IRole = self._role.without_policy_updates()

    def allow(self, bucket: s3.Bucket) -> None:
        """Allow the handler to set the notifications of `bucket`, which must already have one."""
        self._role.add_to_policy(
            iam.PolicyStatement(actions=["s3:PutBucketNotification"], resources=[bucket.bucket_arn])
        )
        handler = Stack.of(self).node.find_child(_HANDLER_ID)
        cast(CfnResource, handler.node.find_child("Resource")).add_property_override(
            "LoggingConfig", {"LogGroup": self._logs.log_group_name}
        )
        # The CDK does not see the policy of this role, so the notification must depend on it explicitly.
        bucket.node.find_child("Notifications").node.add_dependency(self._role)
