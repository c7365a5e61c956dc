"""List the resources of an account that a stack may leave behind, through the API of each service."""

from collections.abc import Callable, Iterable
from typing import Any, Final

from rehearsal.api import call

_LISTS: Final[tuple[tuple[str, str, str, str, Callable[[Any], str]], ...]] = (
    ("bucket", "s3", "list_buckets", "Buckets", lambda one: str(one["Name"])),
    ("log group", "logs", "describe_log_groups", "logGroups", lambda one: str(one["logGroupName"])),
    ("function", "lambda", "list_functions", "Functions", lambda one: str(one["FunctionName"])),
    ("queue", "sqs", "list_queues", "QueueUrls", str),
    ("topic", "sns", "list_topics", "Topics", lambda one: str(one["TopicArn"])),
    ("alarm", "cloudwatch", "describe_alarms", "MetricAlarms", lambda one: str(one["AlarmName"])),
    ("dashboard", "cloudwatch", "list_dashboards", "DashboardEntries", lambda one: str(one["DashboardName"])),
    ("secret", "secretsmanager", "list_secrets", "SecretList", lambda one: str(one["Name"])),
    ("role", "iam", "list_roles", "Roles", lambda one: str(one["RoleName"])),
    ("rule", "events", "list_rules", "Rules", lambda one: str(one["Name"])),
)
"""Kind, service, operation, the member of the response with the resources, and a function that returns a name."""

KINDS: Final = tuple(kind for kind, *_ in _LISTS)


def contents(kinds: Iterable[str] = KINDS) -> set[tuple[str, str]]:
    """Return (kind, name) of every resource of these kinds in the account."""
    wanted = set(kinds)
    return {
        (kind, name_of(one))
        for kind, service, operation, member, name_of in _LISTS
        if kind in wanted
        for one in call(service, operation).get(member, [])
    }


def told(found: Iterable[tuple[str, str]]) -> str:
    """Return the found resources as text, for a message."""
    return ", ".join(f"{kind} {name}" for kind, name in sorted(found))
