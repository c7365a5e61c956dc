"""The AWS permissions that each command needs.

`make permissions-table` generates the table in docs/cli.md from this module. The tests compare the module
with every AWS call of a command.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

API: Final = "the API function"
FUNCTIONS: Final = "both functions"
UPLOADS: Final = "the upload bucket"
RESULTS: Final = "the results bucket"
QUEUE: Final = "the queue"
DEAD_LETTERS: Final = "the dead-letter queue"
SECRET: Final = "the secret of the token"  # noqa: S105 - a name  # nosec B105
STACK: Final = "the stack"
MACHINE: Final = "the state machine"
EXECUTIONS: Final = "its executions"
MAP_RUNS: Final = "its map runs"
ANYTHING: Final = "`*`"

BATCH: Final = "batch/*"
"""Keys of the images that `submit` uploads."""


@dataclass(frozen=True)
class Permission:
    """Actions on a part of the stack. `objects`: the keys in a bucket. `when`: the case that needs them."""

    actions: tuple[str, ...]
    on: str
    objects: str = ""
    when: str = ""

    def __str__(self) -> str:
        actions = ", ".join(f"`{action}`" for action in self.actions)
        on = f"`{self.objects}` of {self.on}" if self.objects else self.on
        return f"{actions} on {on}{f' ({self.when})' if self.when else ''}"


_FIND: Final = Permission(("cloudformation:DescribeStacks",), STACK, when="with `--stack`")
_PARTS: Final = Permission(("cloudformation:ListStackResources",), STACK)
_CALL: Final = Permission(("lambda:InvokeFunctionUrl", "lambda:InvokeFunction"), API, when="with auth `iam`")
_COUNT: Final = (
    Permission(("sqs:GetQueueAttributes",), QUEUE),
    Permission(("sqs:GetQueueAttributes",), DEAD_LETTERS),
)
_LIST_RESULTS: Final = Permission(("s3:ListBucket",), RESULTS)

COMMANDS: Final[Mapping[str, tuple[Permission, ...]]] = {
    "audit": (_FIND, _CALL),
    "call": (_FIND, _CALL),
    "console": (_FIND, _CALL),
    "submit": (
        _FIND,
        _CALL,
        Permission(("s3:PutObject",), UPLOADS, BATCH),
        Permission(("s3:ListBucket",), UPLOADS),
        Permission(("s3:GetObject",), RESULTS, BATCH),
        _LIST_RESULTS,
        *_COUNT,
    ),
    "results": (
        _FIND,
        _CALL,
        Permission(("s3:GetObject",), RESULTS, BATCH, "with `--prefix` the keys that start with it"),
        Permission(("s3:GetObject",), RESULTS, "feedback/*", "with the setting `feedback`"),
        _LIST_RESULTS,
    ),
    "backfill": (
        _FIND,
        Permission(("states:StartExecution", "states:ListExecutions"), MACHINE),
        Permission(("states:DescribeExecution", "states:ListMapRuns", "states:StopExecution"), EXECUTIONS),
        Permission(("states:DescribeMapRun",), MAP_RUNS),
        Permission(("s3:GetObject",), RESULTS, "backfill-runs/*"),
    ),
    "redrive": (
        _FIND,
        Permission(
            (
                "sqs:GetQueueAttributes",
                "sqs:StartMessageMoveTask",
                "sqs:ListMessageMoveTasks",
                "sqs:ReceiveMessage",
                "sqs:DeleteMessage",
            ),
            DEAD_LETTERS,
        ),
        Permission(("sqs:GetQueueAttributes", "sqs:SendMessage"), QUEUE),
    ),
    "status": (_FIND, _CALL, *_COUNT, Permission(("cloudwatch:DescribeAlarms",), ANYTHING)),
    "replay": (
        _FIND,
        Permission(("s3:ListBucketVersions", "s3:ListBucket"), UPLOADS),
        Permission(("s3:ListBucket",), RESULTS, when="with `--missing`"),
        Permission(("s3:GetObject",), RESULTS, "*", "with `--missing`"),
        Permission(("sqs:SendMessage",), QUEUE),
    ),
    "purge": (
        _FIND,
        *(
            permission
            for bucket in (UPLOADS, RESULTS)
            for permission in (
                Permission(("s3:ListBucketVersions",), bucket),
                Permission(("s3:DeleteObject", "s3:DeleteObjectVersion"), bucket, "*"),
                Permission(("s3:BypassGovernanceRetention",), bucket, "*", "with `--bypass-lock`"),
            )
        ),
        # Keys under a reserved prefix and hashed keys do not show the owner of a result. Its content does.
        Permission(("s3:GetObject", "s3:GetObjectVersion"), RESULTS, "*"),
        Permission(("s3:ListBucketMultipartUploads",), UPLOADS),
        Permission(("s3:AbortMultipartUpload",), UPLOADS, "*"),
        Permission(("sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"), DEAD_LETTERS),
        *_COUNT,
    ),
    "rollback": (
        _PARTS,
        Permission(
            (
                "lambda:GetAlias",
                "lambda:ListVersionsByFunction",
                "lambda:GetFunctionConfiguration",
                "lambda:InvokeFunction",
                "lambda:UpdateAlias",
            ),
            FUNCTIONS,
        ),
    ),
    "rotate-token": (
        _FIND,
        Permission(("secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"), SECRET),
    ),
    "token": (
        _FIND,
        Permission(("secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"), SECRET),
    ),
    "bill": (
        Permission(("cloudformation:DescribeStacks", "cloudformation:ListStackResources"), STACK),
        Permission(("lambda:GetFunctionConfiguration", "lambda:GetProvisionedConcurrencyConfig"), FUNCTIONS),
        Permission(("cloudwatch:GetMetricData", "cloudwatch:DescribeAlarms"), ANYTHING),
    ),
}


def rows() -> Iterator[str]:
    """Yield the rows of the table in docs/cli.md. The text before the table lists the permissions for `--stack`."""
    for command, permissions in COMMANDS.items():
        listed = [str(permission) for permission in permissions if permission is not _FIND]
        yield f"| `{command}` | {'; '.join(listed)} |"
