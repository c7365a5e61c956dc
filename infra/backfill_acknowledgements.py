"""Reasons for the cdk-nag findings of a backfill; see infra/acknowledgements.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from aws_cdk import CfnElement, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import IConstruct

from infra.backfill import Backfill
from infra.backfill_definition import RUNS_PREFIX
from infra.findings import INLINE, OBJECTS, arn, child
from infra.inference import Inference
from infra.uploads import Uploads


def backfilled(
    inference: Inference, uploads: Uploads, backfill: Backfill
) -> Iterator[tuple[IConstruct, dict[str, str]]]:
    """Yield each construct that a backfill adds, with the reason for each finding."""
    function_policy = child(cast(lambda_.Function, inference.backfill).role, "DefaultPolicy")
    policy, map_runs = child(backfill, "MachineRole", "DefaultPolicy"), child(backfill, "MapRuns")
    for construct in (function_policy, policy, map_runs):
        yield (construct, {"HIPAA.Security-IAMNoInlinePolicy": INLINE})
    yield (
        function_policy,
        {f"AwsSolutions-IAM5[Resource::{arn(b)}/*]": OBJECTS for b in (uploads.upload_bucket, uploads.result_bucket)},
    )
    for bucket, prefix in backfill.archives:
        for construct in (function_policy, policy):
            yield (
                construct,
                {
                    f"AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:s3:::{bucket}/{prefix}*]": (
                        "Read-only, and limited to the entries of the setting backfill_archives: the archive, or its "
                        "inventories."
                    )
                },
            )
    yield (
        policy,
        {
            f"AwsSolutions-IAM5[Resource::{arn(uploads.result_bucket)}/{RUNS_PREFIX}*]": (
                f"The permission covers only {RUNS_PREFIX}, where Step Functions writes the files of a run under names "
                "that it generates."
            )
        },
    )
    name = Stack.of(backfill).get_logical_id(cast(CfnElement, backfill.state_machine.node.default_child))
    execution = f"arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:<{name}.Name>"
    yield (
        map_runs,
        {
            f"AwsSolutions-IAM5[Resource::{execution}{children}]": (
                "The permission covers executions of this state machine, whose names are generated at run time. A map "
                "run must be able to follow its child executions."
            )
            for children in (":*", "/*")
        },
    )
    no_tracing = (
        "AWS X-Ray is off. The history of each execution shows its steps and times, and tracing would add "
        "xray:PutTraceSegments on every resource to the role."
    )
    yield (
        backfill.state_machine,
        {
            "AwsSolutions-SF1": (
                "Step Functions keeps the encrypted history of these executions for 90 days. Logging them as well "
                "would give the role permissions on all log deliveries of the account."
            ),
            "AwsSolutions-SF2": no_tracing,
            "Serverless-StepFunctionStateMachineXray": no_tracing,
        },
    )
