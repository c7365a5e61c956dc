"""Customer-managed KMS keys (setting ``customer_keys``): for data, for queues, and for logs and alarms."""

from __future__ import annotations

from aws_cdk import Aws
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from infra.removal import removal_policy
from pneumonia_cli.stack.settings import StackSettings


class Encryption(Construct):
    """Three keys, so that a reader of logs needs no permission on the key of the images. They are rotated every year.

    Without ``customer_keys`` all three are None, and every service encrypts with its own key.

    Attributes:
        data: key of the buckets and of the token's secret.
        queues: key of both queues. Its policy lets the upload bucket use it for events. With one key for data and
            queues, the key and the bucket would depend on each other.
        operations: key of the log groups and of the topic of the alarms.
    """

    def __init__(self, scope: Construct, construct_id: str, *, settings: StackSettings) -> None:
        super().__init__(scope, construct_id)
        self._settings = settings
        self.data: kms.Key | None = None
        self.queues: kms.Key | None = None
        self.operations: kms.Key | None = None
        if not settings.customer_keys:
            return
        self.data = self._key("DataKey", "Images, results and token of the pneumonia stack")
        self.queues = self._key("QueueKey", "Upload events of the pneumonia stack")
        self.operations = self._key("OperationsKey", "Logs and alarms of the pneumonia stack")
        self._let_logs_encrypt(self.operations)
        self._let_alarms_publish(self.operations)

    def _key(self, construct_id: str, description: str) -> kms.Key:
        return kms.Key(
            self,
            construct_id,
            description=description,
            enable_key_rotation=True,
            # Retained data can be read only with its key.
            removal_policy=removal_policy(self._settings),
        )

    def _let_logs_encrypt(self, key: kms.Key) -> None:
        # CloudWatch Logs encrypts as a service of the region, not as the role that writes. CloudFormation starts the
        # names of log groups with the name of the stack.
        groups = f"arn:{Aws.PARTITION}:logs:{Aws.REGION}:{Aws.ACCOUNT_ID}:log-group:{self._settings.stack_name}-*"
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="LogGroupsOfThisStack",
                principals=[iam.ServicePrincipal(f"logs.{Aws.REGION}.amazonaws.com")],
                actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
                resources=["*"],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
            )
        )

    def _let_alarms_publish(self, key: kms.Key) -> None:
        # The statement has no condition, as in the AWS example, because an alarm whose message cannot be encrypted is
        # lost silently. The topic's policy admits only the alarms of this account.
        key.add_to_resource_policy(
            iam.PolicyStatement(
                sid="AlarmsToTheTopic",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
            )
        )
