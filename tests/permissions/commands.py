"""Check the calls of the command line against the permissions that docs/cli.md lists for each command."""

import contextlib
import fnmatch
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from pneumonia_cli.client import permissions
from pneumonia_cli.client.permissions import COMMANDS, Permission
from pneumonia_cli.client.service import Service
from tests.permissions.calls import Need, needs
from tests.permissions.watch import watching

# End of a file name on the call stack -> its command, for tests that call functions without the command line.
_MODULES: Mapping[str, str] = {
    "operating/redrive.py": "redrive",
    "operating/purge.py": "purge",
    "operating/status.py": "status",
    "operating/rollback.py": "rollback",
    "operating/rotate.py": "rotate-token",
    "operating/tokens.py": "token",
    "operating/usage.py": "bill",
    "batch/replay.py": "replay",
    "batch/backfill.py": "backfill",
    "batch/late_results.py": "results",
    "batch/upload.py": "submit",
    "batch/collect.py": "submit",
    "client/service.py": "call",
}

# Pattern of a physical name -> part of the stack. The first match counts. Bucket names contain no slash.
_PARTS: tuple[tuple[str, str], ...] = (
    (r"(dead-letters?|[/:]dead)$", permissions.DEAD_LETTERS),
    (r"([/:]pneumonia-uploads|[/:]queue)$", permissions.QUEUE),
    (r"^(pneumonia-)?uploads|^b$", permissions.UPLOADS),
    (r"^(pneumonia-)?results", permissions.RESULTS),
    (r":secret:|^pneumonia-token$", permissions.SECRET),
    (r":mapRun:", permissions.MAP_RUNS),
    (r":(express|execution):", permissions.EXECUTIONS),
    (r":stateMachine:", permissions.MACHINE),
    (r"^(ward|stack)-(api|worker|backfill)$", permissions.FUNCTIONS),
    (r"^[A-Z]\w+$", permissions.STACK),
    (r"^https?://", permissions.API),
)


class Checker:
    """Refuse calls that docs/cli.md does not list for their command. `checked`: every checked (command, action)."""

    def __init__(self) -> None:
        self.running: str | None = None
        self.arguments: tuple[str, ...] = ()
        self.checked: set[tuple[str, str]] = set()

    @contextlib.contextmanager
    def command(self, arguments: tuple[str, ...]) -> Iterator[None]:
        """Assign all calls that the client's code makes in a `with` block to this command line."""
        self.running, self.arguments = (arguments[0] if arguments else None), arguments
        try:
            yield
        finally:
            self.running, self.arguments = None, ()

    def seen(self, service: str, operation: str, given: Mapping[str, Any], files: list[str]) -> None:
        """Raise AssertionError if the command's permissions do not allow the call."""
        if not files or "/pneumonia_cli/client/" not in files[0]:
            return  # the test itself or a handler made the call
        command = self.running if self.running in COMMANDS else command_of(files)
        if command is None:
            return
        found = (
            [Need(action, permissions.API) for action in ("lambda:InvokeFunctionUrl", "lambda:InvokeFunction")]
            if operation == "FunctionUrl"
            else needs(service, operation, given, part)
        )
        for need in found:
            self.checked.add((command, need.action))
            listed = any(covers(permission, need, self.arguments) for permission in COMMANDS[command])
            assert listed, f"{operation}: `{command}` needs {need}, which docs/cli.md does not list"

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Check all calls of AWS and of the Function URL during a `with` block."""
        once = Service._once

        def sent(service: Service, *request: Any) -> Any:
            self.seen("lambda", "FunctionUrl", {}, ["/pneumonia_cli/client/service.py"])
            return once(service, *request)

        with watching(self.seen), pytest.MonkeyPatch.context() as patch:
            patch.setattr(Service, "_once", sent)
            yield


def command_of(files: list[str]) -> str | None:
    """Return the command whose module is on the call stack: the outermost one, or None."""
    for file in reversed(files):
        for ending, command in _MODULES.items():
            if file.endswith(f"/pneumonia_cli/client/{ending}") or file.endswith(f"/pneumonia_cli/{ending}"):
                return command
    return None


def part(physical: str) -> str:
    """Return the part of the stack that a bucket, URL, name or ARN belongs to."""
    for pattern, name in _PARTS:
        if re.search(pattern, physical):
            return name
    raise AssertionError(f"no part of a stack: {physical}")


def covers(permission: Permission, need: Need, arguments: tuple[str, ...] = ()) -> bool:
    """Return whether a permission covers a need. A permission for an option counts only if the option is given."""
    on, _, key = need.resource.partition("/")
    if option := re.search(r"`(--[a-z-]+)`", permission.when):
        given = option[1] in arguments
        if permission.when.startswith("with `--prefix`"):
            key = "batch/" if given and key.startswith(arguments[arguments.index("--prefix") + 1]) else key
        elif arguments and not given:
            return False
    if need.action not in permission.actions:
        return False
    if permission.on == permissions.ANYTHING:
        return True
    return permission.on == on and (not permission.objects or fnmatch.fnmatchcase(key, permission.objects))
