"""`pneumonia rollback`: move the traffic back to the previous version of the functions.

The command moves the alias `live` and builds nothing. It takes seconds, or minutes if Lambda has made the version
inactive and must wake it first. The code and the model return with their settings (a version keeps its environment,
memory and time limit). Buckets, queues, permissions and alarms stay as the last deployment left them.

CloudFormation does not know about the rollback. CodeDeploy refuses every deployment until the alias is at the version
that CloudFormation records: `--undo` moves the alias there and is required before the next deployment. A function that
the last deployment did not change has no new version and stays where it is. Otherwise it would go back one deployment
further than the other function.
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

# One deployment publishes the versions of both functions within minutes, before any traffic moves.
_ONE_DEPLOYMENT: Final = timedelta(hours=1)


@dataclass(frozen=True)
class Step:
    """One function: its current version, the version to move to (None if there is none), and the dates of both."""

    function: str
    current: int
    made: str
    target: int | None
    target_made: str


def run(aws: Aws, stack: str, *, really: bool, undo: bool = False, shape: Shape = Shape.TABLE) -> int:
    """Move the functions of the last deployment back by one version, or show the moves. Raises ServiceError.

    With `undo`, move functions that were rolled back to the version that CloudFormation records.
    """
    with errors_in_words("The rollback"):
        found = resources(aws, stack)
        functions = [*physical(found, FUNCTION, API), *physical(found, FUNCTION, WORKER)]
        if not functions:
            raise ServiceError(f"The stack {stack} has no functions of this project. Check --stack and --region.")
        client = aws.client("lambda")
        # Check and wake all functions before moving one.
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
    """Return the version that CloudFormation records for each alias, by the name of the function.

    A stack contains one version of each function. Earlier versions stay with the function but leave the stack.
    """
    arns = physical(found, _VERSION)
    return {arn.split(":")[-2]: int(arn.rpartition(":")[2]) for arn in arns}


def step(client: Any, function: str, recorded: int | None = None) -> Step:
    """Return the move of a function: to `recorded`, else one version back. Raises ServiceError during a deployment."""
    alias = client.get_alias(FunctionName=function, Name=LIVE)
    if alias.get("RoutingConfig", {}).get("AdditionalVersionWeights"):
        raise ServiceError(
            f"A deployment of {function} is running: two versions share its traffic. Stop the deployment in CodeDeploy "
            "with a rollback, or wait until it ends."
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
    """Return the functions that the last deployment changed. Raises ServiceError if one has no earlier version."""
    newest = max(datetime.fromisoformat(one.made) for one in steps)
    found = [one for one in steps if newest - datetime.fromisoformat(one.made) <= _ONE_DEPLOYMENT]
    for one in found:
        if one.target is None:
            raise ServiceError(
                f"{one.function} has no version before {one.current}. Deploy the last working release instead."
            )
    return found


def _tell(steps: list[Step], really: bool, *, undo: bool) -> None:
    if not steps:
        output.stdout.print("The aliases are at the versions that CloudFormation records. You can deploy.")
        return
    table = Table(box=None, pad_edge=False)
    for name in ("Function", "From version", "To version", "Created"):
        table.add_column(name)
    for one in steps:
        table.add_row(one.function, str(one.current), str(one.target), one.target_made)
    output.stdout.print(table)
    if not really:
        output.stdout.print("Nothing was moved. Run the same command with --yes to move the traffic.")
    elif undo:
        output.stdout.print(
            "The aliases were moved. The version that was rolled back has the traffic again. "
            "Deploy now, with -c deployment=all_at_once."
        )
    else:
        output.stdout.print(
            "Moved. Before the next deployment, run pneumonia rollback --undo. CodeDeploy refuses to deploy while an "
            "alias is not at the version that CloudFormation records."
        )
