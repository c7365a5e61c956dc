"""`pneumonia rollback`: traffic goes back to the version of the functions before the one that has it.

It moves the alias `live`, in seconds and without building anything. Code and model of the version come back with its
settings (a version keeps its environment, memory and time limit); buckets, queues, permissions and alarms stay as the
last deployment left them. The next deployment moves the alias on from where it is.
"""

from dataclasses import dataclass
from typing import Any, Final

from rich.table import Table

from client import output
from client.aws import Aws, errors_in_words
from client.errors import EXIT_OK, ServiceError
from client.resources import API, FUNCTION, WORKER, physical, resources

LIVE: Final = "live"  # infra/inference.py


@dataclass(frozen=True)
class Step:
    """One function: the version that has the traffic, and the one before it, with the time when it was made."""

    function: str
    current: int
    previous: int
    made: str


def run(aws: Aws, stack: str, *, really: bool, as_json: bool = False) -> int:
    """Move both functions back by one version, or show what would move. Raises ServiceError."""
    with errors_in_words("The rollback"):
        found = resources(aws, stack)
        functions = [*physical(found, FUNCTION, API), *physical(found, FUNCTION, WORKER)]
        if not functions:
            raise ServiceError(f"The stack {stack} has no functions of this project.")
        client = aws.client("lambda")
        # All are looked at before any is moved.
        steps = [step(client, function) for function in functions]
        if really:
            for one in steps:
                client.update_alias(FunctionName=one.function, Name=LIVE, FunctionVersion=str(one.previous))
    if as_json:
        moves = [{"function": one.function, "from": one.current, "to": one.previous, "made": one.made} for one in steps]
        output.print_json({"moved": really, "functions": moves})
    else:
        _tell(steps, really)
    return EXIT_OK


def step(client: Any, function: str) -> Step:
    """Where a function would go. Raises ServiceError if a deployment is under way, or there is no version before."""
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
    before = [version for version in versions if version < current]
    if not before:
        raise ServiceError(f"{function} has no version before {current}. Deploy the release that worked.")
    return Step(function, current, max(before), versions[max(before)])


def _tell(steps: list[Step], really: bool) -> None:
    table = Table(box=None, pad_edge=False)
    for name in ("Function", "From version", "To version", "Made"):
        table.add_column(name)
    for one in steps:
        table.add_row(one.function, str(one.current), str(one.previous), one.made)
    output.stdout.print(table)
    if really:
        output.stdout.print("Moved. Deploy the release that worked, before anybody deploys the other one again.")
    else:
        output.stdout.print("Nothing was moved. The same command with --yes does it.")
