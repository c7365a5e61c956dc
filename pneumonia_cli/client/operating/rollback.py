"""`pneumonia rollback`: traffic goes back to the version of the functions before the one that has it.

It moves the alias `live`, without building anything: in seconds, or after minutes where Lambda has put the version to
sleep, which is woken first. Code and model of the version come back with its
settings (a version keeps its environment, memory and time limit); buckets, queues, permissions and alarms stay as the
last deployment left them. CloudFormation does not know of it, and CodeDeploy refuses every deployment until the alias
is where CloudFormation takes it to be: `--undo` puts it there, and is needed before the next deployment. A
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
from pneumonia_cli.client.operating.stack_resources import (
    API,
    FUNCTION,
    LIVE,
    WORKER,
    Resource,
    physical,
    resources,
)
from pneumonia_cli.client.operating.waking import wake
from pneumonia_cli.client.records import print_records
from pneumonia_cli.client.shape import Shape

_VERSION: Final = "AWS::Lambda::Version"

_COLUMNS: Final = ("function", "from", "to", "made", "woken")

# CloudFormation publishes the versions of both functions within minutes, before any traffic moves.
_ONE_DEPLOYMENT: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Step:
    """One function: the version that has the traffic, the one that gets it (None without one), when each was made."""

    function: str
    current: int
    made: str
    target: int | None
    target_made: str


def run(aws: Aws, stack: str, *, really: bool, undo: bool = False, shape: Shape = Shape.TABLE) -> int:
    """Move what the last deployment changed back by one version, or show what would move. Raises ServiceError.

    With `undo` move what was rolled back to the version that CloudFormation records.
    """
    with errors_in_words("The rollback"):
        found = resources(aws, stack)
        functions = [*physical(found, FUNCTION, API), *physical(found, FUNCTION, WORKER)]
        if not functions:
            raise ServiceError(f"The stack {stack} has no functions of this project.")
        client = aws.client("lambda")
        # All are looked at, and awake, before any is moved.
        if undo:
            recorded = recorded_versions(found)
            steps = [one for name in functions if (one := step(client, name, recorded.get(name))).target != one.current]
        else:
            steps = of_the_last_deployment([step(client, function) for function in functions])
        woken = [one.function for one in steps if really and wake(client, one.function, int(one.target or 0))]
        if really:
            for one in steps:
                client.update_alias(FunctionName=one.function, Name=LIVE, FunctionVersion=str(one.target))
    if shape.for_programs:
        moves = [
            {
                "function": one.function,
                "from": one.current,
                "to": one.target,
                "made": one.target_made,
                "woken": one.function in woken,
            }
            for one in steps
        ]
        print_records({"moved": really, "functions": moves}, _COLUMNS, moves, shape)
    else:
        _tell(steps, really, undo=undo)
    return EXIT_OK


def recorded_versions(found: list[Resource]) -> dict[str, int]:
    """The version that CloudFormation takes for that of the alias, by the name of the function.

    A stack holds one version of each function: those before it were left to the function when their successor came.
    """
    arns = physical(found, _VERSION)
    return {arn.split(":")[-2]: int(arn.rpartition(":")[2]) for arn in arns}


def step(client: Any, function: str, recorded: int | None = None) -> Step:
    """Where a function would go: to `recorded`, else one back. Raises ServiceError if a deployment is under way."""
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
    target = recorded or max((version for version in versions if version < current), default=None)
    return Step(function, current, versions[current], target, versions.get(target, "") if target else "")


def of_the_last_deployment(steps: list[Step]) -> list[Step]:
    """Those whose version was made in the deployment of the newest one. Raises ServiceError if one has none before."""
    newest = max(datetime.fromisoformat(one.made) for one in steps)
    found = [one for one in steps if newest - datetime.fromisoformat(one.made) <= _ONE_DEPLOYMENT]
    for one in found:
        if one.target is None:
            raise ServiceError(f"{one.function} has no version before {one.current}. Deploy the release that worked.")
    return found


def _tell(steps: list[Step], really: bool, *, undo: bool) -> None:
    if not steps:
        output.stdout.print("The aliases are where CloudFormation takes them to be: the next deployment can come.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("Function", "From version", "To version", "Made"):
        table.add_column(name)
    for one in steps:
        table.add_row(one.function, str(one.current), str(one.target), one.target_made)
    output.stdout.print(table)
    if not really:
        output.stdout.print("Nothing was moved. The same command with --yes does it.")
    elif undo:
        output.stdout.print(
            "Moved. Deploy now, with -c deployment=all_at_once: the rolled-back version has the traffic."
        )
    else:
        output.stdout.print(
            "Moved. Before the next deployment: pneumonia rollback --undo. CodeDeploy refuses an alias that is not "
            "where CloudFormation takes it to be."
        )
