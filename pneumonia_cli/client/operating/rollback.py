"""`pneumonia rollback`: traffic goes back to the version of the functions before the one that has it.

It moves the alias `live`, in seconds and without building anything. Code and model of the version come back with its
settings (a version keeps its environment, memory and time limit); buckets, queues, permissions and alarms stay as the
last deployment left them. CloudFormation does not know of it: docs/operations.md says what the next deployment needs. A
function that the last deployment did not change has no new version, and stays: it would go back by one deployment more
than the other.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from rich.table import Table

from pneumonia_cli.client import output
from pneumonia_cli.client.aws import Aws, errors_in_words
from pneumonia_cli.client.errors import EXIT_OK, ServiceError
from pneumonia_cli.client.operating.stack_resources import API, FUNCTION, LIVE, WORKER, physical, resources

# CloudFormation publishes the versions of both functions within minutes, before any traffic moves.
_ONE_DEPLOYMENT: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Step:
    """One function: the version that has the traffic, the one before it (None without one), and when each was made."""

    function: str
    current: int
    made: str
    previous: int | None
    previous_made: str


def run(aws: Aws, stack: str, *, really: bool, as_json: bool = False) -> int:
    """Move what the last deployment changed back by one version, or show what would move. Raises ServiceError."""
    with errors_in_words("The rollback"):
        found = resources(aws, stack)
        functions = [*physical(found, FUNCTION, API), *physical(found, FUNCTION, WORKER)]
        if not functions:
            raise ServiceError(f"The stack {stack} has no functions of this project.")
        client = aws.client("lambda")
        # All are looked at before any is moved.
        steps = of_the_last_deployment([step(client, function) for function in functions])
        if really:
            for one in steps:
                client.update_alias(FunctionName=one.function, Name=LIVE, FunctionVersion=str(one.previous))
    if as_json:
        moves = [
            {"function": one.function, "from": one.current, "to": one.previous, "made": one.previous_made}
            for one in steps
        ]
        output.print_json({"moved": really, "functions": moves})
    else:
        _tell(steps, really)
    return EXIT_OK


def step(client: Any, function: str) -> Step:
    """Where a function would go. Raises ServiceError if a deployment is under way."""
    alias = client.get_alias(FunctionName=function, Name=LIVE)
    if alias.get("RoutingConfig", {}).get("AdditionalVersionWeights"):
        raise ServiceError(
            f"A deployment of {function} is under way: two versions share its traffic. Stop it in CodeDeploy with "
            "rollback, or wait for its end."
        )
    current = int(alias["FunctionVersion"])
    pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
    versions = {
        int(entry["Version"]): str(entry["LastModified"])
        for page in pages
        for entry in page["Versions"]
        if entry["Version"].isdecimal()
    }
    previous = max((version for version in versions if version < current), default=None)
    return Step(function, current, versions[current], previous, versions[previous] if previous else "")


def of_the_last_deployment(steps: list[Step]) -> list[Step]:
    """Those whose version was made in the deployment of the newest one. Raises ServiceError if one has none before."""
    newest = max(datetime.fromisoformat(one.made) for one in steps)
    found = [one for one in steps if newest - datetime.fromisoformat(one.made) <= _ONE_DEPLOYMENT]
    for one in found:
        if one.previous is None:
            raise ServiceError(f"{one.function} has no version before {one.current}. Deploy the release that worked.")
    return found


def _tell(steps: list[Step], really: bool) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("Function", "From version", "To version", "Made"):
        table.add_column(name)
    for one in steps:
        table.add_row(one.function, str(one.current), str(one.previous), one.previous_made)
    output.stdout.print(table)
    if really:
        output.stdout.print(
            "Moved. CodeDeploy refuses each deployment until the aliases are back at the versions in 'From version': "
            "docs/operations.md, 'Roll back', has the steps."
        )
    else:
        output.stdout.print("Nothing was moved. The same command with --yes does it.")
