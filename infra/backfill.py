"""The state machine that predicts existing objects of a bucket, with its permissions and those of its function."""

from __future__ import annotations

import json
from typing import Final, cast

from aws_cdk import Aws, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from infra.backfill_definition import RUNS_PREFIX, definition
from infra.permissions import allow, allow_key
from infra.uploads import Uploads
from pneumonia_cli.stack.settings import StackSettings

_READ: Final = ("s3:GetObject", "s3:GetObjectVersion")


class Backfill(Construct):
    """Listing or inventory → batches → function → results, in the same bucket as the results of uploads.

    Results for objects of the upload bucket are stored under the keys of these objects, and results for other buckets
    under ``archive/<bucket>/``. The files of a run are stored under ``backfill-runs/``. The results bucket has no
    notifications, so storing these files sends no event.

    Attributes:
        state_machine: costs nothing until it is started.
        archives: (bucket, prefix) of everything that a backfill may read in addition to the upload bucket.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        settings: StackSettings,
        function: lambda_.Function,
        live: lambda_.Alias,
        uploads: Uploads,
        key: kms.IKey | None,
    ) -> None:
        super().__init__(scope, construct_id)
        self.archives = [_split(archive) for archive in settings.backfill_archives]
        self._let_process(function, uploads)
        role = self._role(live, uploads)
        # The state machine needs the key too: the manifest of a run is in the results bucket.
        for user in (function.role, role):
            allow_key(user, key, "kms:Decrypt", "kms:GenerateDataKey", service="s3")
        self.state_machine = sfn.StateMachine(
            self,
            "StateMachine",
            definition_body=sfn.DefinitionBody.from_string(json.dumps(definition(settings))),
            definition_substitutions={
                "Partition": Aws.PARTITION,
                "FunctionArn": live.function_arn,
                "UploadBucket": uploads.upload_bucket.bucket_name,
                "ResultBucket": uploads.result_bucket.bucket_name,
            },
            role=role,
        )
        # cfn-lint does not accept a substituted partition. tests/infra/test_backfill.py replaces it with "aws" and
        # lints the definition.
        machine = cast(sfn.CfnStateMachine, self.state_machine.node.default_child)
        machine.add_metadata("cfn-lint", {"config": {"ignore_checks": ["E3601"]}})
        self._let_start_children(role)

    def _let_process(self, function: lambda_.Function, uploads: Uploads) -> None:
        function.add_environment("RESULTS_BUCKET", uploads.result_bucket.bucket_name)
        # The function must recognise the upload bucket, because results of its objects get no prefix.
        function.add_environment("UPLOADS_BUCKET", uploads.upload_bucket.bucket_name)
        allow(
            function.role,
            "ReadImages",
            _READ,
            [uploads.upload_bucket.arn_for_objects("*"), *(_objects(*archive) for archive in self.archives)],
        )
        # Without s3:ListBucket, S3 returns 403 instead of 404 for an object that is gone. The 403 looks like a missing
        # permission. The statement covers whole buckets, because a condition on the prefix does not apply to reading
        # an object.
        allow(
            function.role,
            "TellGoneFromForbidden",
            ["s3:ListBucket"],
            [uploads.upload_bucket.bucket_arn, *dict.fromkeys(_bucket(name) for name, _ in self.archives)],
        )
        allow(
            function.role,
            "WriteResults",
            ["s3:PutObject", "s3:GetObject"],
            [uploads.result_bucket.arn_for_objects("*")],
        )
        # Step Functions generates the names of the files of a run.
        allow(
            function.role,
            "FindRun",
            ["s3:ListBucket"],
            [uploads.result_bucket.bucket_arn],
            {"StringLike": {"s3:prefix": f"{RUNS_PREFIX}*"}},
        )

    def _role(self, live: lambda_.Alias, uploads: Uploads) -> iam.Role:
        role = iam.Role(
            self,
            "MachineRole",
            assumed_by=iam.ServicePrincipal("states.amazonaws.com").with_conditions(
                {"StringEquals": {"aws:SourceAccount": Aws.ACCOUNT_ID}}
            ),
            description="Role of the state machine of the backfill",
        )
        allow(role, "InvokeFunction", ["lambda:InvokeFunction"], [live.function_arn])
        allow(role, "ListUploads", ["s3:ListBucket"], [uploads.upload_bucket.bucket_arn])
        for number, (bucket, prefix) in enumerate(self.archives):
            narrow = {"StringLike": {"s3:prefix": f"{prefix}*"}} if prefix else None
            allow(role, f"ListArchive{number}", ["s3:ListBucket"], [_bucket(bucket)], narrow)
        if self.archives:
            # The manifest of an inventory, and the files that it lists. Only the function reads the images.
            allow(role, "ReadInventories", ["s3:GetObject"], [_objects(*archive) for archive in self.archives])
        allow(
            role,
            "WriteManifest",
            # ResultWriter requires these: it uploads large files in parts.
            ["s3:PutObject", "s3:GetObject", "s3:ListMultipartUploadParts", "s3:AbortMultipartUpload"],
            [uploads.result_bucket.arn_for_objects(f"{RUNS_PREFIX}*")],
        )
        return role

    def _let_start_children(self, role: iam.Role) -> None:
        """Allow a map run to start its children, which are executions of the same state machine."""
        # A separate policy, because the state machine depends on the role's default policy. The default policy
        # therefore cannot name the state machine.
        policy = iam.Policy(self, "MapRuns", roles=[role])
        policy.add_statements(
            iam.PolicyStatement(
                sid="StartChildren", actions=["states:StartExecution"], resources=[self.state_machine.state_machine_arn]
            ),
            iam.PolicyStatement(
                sid="FollowChildren",
                actions=["states:DescribeExecution", "states:StopExecution"],
                resources=[
                    Stack.of(self).format_arn(
                        service="states", resource=f"execution:{self.state_machine.state_machine_name}{children}"
                    )
                    for children in (":*", "/*")
                ],
            ),
        )


def _split(archive: str) -> tuple[str, str]:
    bucket, _, prefix = archive.partition("/")
    return bucket, prefix


def _bucket(name: str) -> str:
    return f"arn:{Aws.PARTITION}:s3:::{name}"


def _objects(bucket: str, prefix: str) -> str:
    return f"{_bucket(bucket)}/{prefix}*"
