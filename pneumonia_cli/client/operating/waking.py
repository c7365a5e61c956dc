"""Wakes a version of a function that has not been called for weeks, before it gets any traffic."""

import time
from collections.abc import Callable
from typing import Any, Final

from botocore.exceptions import ClientError

from pneumonia_cli.client import output
from pneumonia_cli.client.aws import error_code
from pneumonia_cli.client.errors import ServiceError

_READY: Final = "Active"
_ASLEEP: Final = "Inactive"
_PENDING: Final = "CodeArtifactUserPendingException"
_PATIENCE_SECONDS: Final = 600.0
_EVERY_SECONDS: Final = 5.0

# Does nothing in either function, should the version run it after all: no messages, and no image.
_NOTHING: Final = b'{"Records": []}'

Sleep = Callable[[float], None]


def wake(client: Any, function: str, version: int, sleep: Sleep = time.sleep) -> bool:
    """Wait until a version can answer; returns whether it was inactive.

    An inactive version becomes active by being called, and refuses that call. Raises ServiceError if it is not ready
    after ten minutes, and botocore's errors.
    """
    if _state(client, function, version) == _READY:
        return False
    output.stderr.print(
        f"Version {version} of {function} has not been used for weeks. Lambda makes it ready again, which takes up to "
        "minutes; the traffic moves afterwards …",
        soft_wrap=True,
    )
    for _ in range(int(_PATIENCE_SECONDS / _EVERY_SECONDS)):
        state = _state(client, function, version)
        if state == _READY:
            return True
        if state == _ASLEEP:
            _call(client, function, version)
        sleep(_EVERY_SECONDS)
    raise ServiceError(
        f"Version {version} of {function} is not ready after {_PATIENCE_SECONDS / 60:.0f} minutes: nothing was moved. "
        "Try again; if it stays so, deploy the release that worked."
    )


def _state(client: Any, function: str, version: int) -> str:
    found = client.get_function_configuration(FunctionName=function, Qualifier=str(version))
    return str(found.get("State", _READY))


def _call(client: Any, function: str, version: int) -> None:
    try:
        client.invoke(FunctionName=f"{function}:{version}", Payload=_NOTHING)["Payload"].close()
    except ClientError as error:
        if error_code(error) != _PENDING:
            raise
