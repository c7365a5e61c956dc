"""Wake a version of a function that was not called for weeks, before it gets traffic."""

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

# An event without messages and images, so that the function does nothing.
_NOTHING: Final = b'{"Records": []}'

Sleep = Callable[[float], None]


def wake(client: Any, function: str, version: int, sleep: Sleep = time.sleep) -> bool:
    """Wait until a version is active, and return whether it was inactive.

    A call starts the activation of an inactive version. The call itself is refused. Raises ServiceError if the
    version is not active after ten minutes, and botocore's errors.
    """
    if _state(client, function, version) == _READY:
        return False
    output.stderr.print(
        f"Version {version} of {function} was not used for weeks. Lambda is activating it, which can take minutes. The "
        "traffic moves afterwards …",
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
        f"Version {version} of {function} is not active after {_PATIENCE_SECONDS / 60:.0f} minutes. Nothing was moved. "
        "Try again. If it fails again, deploy the last working release."
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
