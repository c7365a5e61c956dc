"""The errors of the command line, and the exit codes that scripts can rely on."""

from typing import Any, ClassVar

from pneumonia.errors import PneumoniaError

EXIT_OK = 0
"""Every image has an answer."""
EXIT_INTERNAL = 1
"""Internal error of the command."""
EXIT_USAGE = 2
"""The command line cannot be carried out as it stands, or what it writes cannot be written."""
EXIT_REFUSED = 3
"""Some images were refused, each with a reason; all others have an answer."""
EXIT_SERVICE = 4
"""The service, the network or the credentials failed, or results are missing: trying again can help."""
EXIT_STOPPED = 130
"""Ctrl-C, as a shell reports it."""


class CliError(Exception):
    """An error told in one message, which says what to do. `code` is for programs."""

    exit_code: ClassVar[int] = EXIT_INTERNAL
    code: ClassVar[str] = "internal_error"


class UsageProblem(CliError):
    """What was asked for cannot be done so."""

    exit_code = EXIT_USAGE
    code = "usage"


class UnwritableOutput(CliError):
    """What the command writes cannot be written: the disk is full, or permission is missing."""

    exit_code = EXIT_USAGE
    code = "unwritable_output"

    @classmethod
    def of(cls, path: object, reason: str) -> "UnwritableOutput":
        """`reason`: in the words of the system."""
        return cls(f"{path} cannot be written: {reason}. Make room or give permission, or choose another place.")


class ServiceError(CliError):
    """The service gave no answer, or one that cannot be used."""

    exit_code = EXIT_SERVICE
    code = "service"


class NetworkError(ServiceError):
    """Nothing could be reached."""

    code = "network"


class CredentialsError(ServiceError):
    """No credentials, or none that are accepted."""

    code = "credentials"


class Refused(Exception):
    """The service refused one image. Others are not touched by it."""

    def __init__(self, code: str, title: str, detail: str, status: int | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.title = title
        self.detail = detail
        self.status = status

    @classmethod
    def of(cls, error: PneumoniaError) -> "Refused":
        """A refusal by the rules of the service, of an image that was not sent."""
        return cls(error.code, error.title, error.detail, error.status)

    @property
    def fields(self) -> dict[str, Any]:
        """As in a line of `predict` and `call`: code, title, detail, and the HTTP status if there was one."""
        fields: dict[str, Any] = {"code": self.code, "title": self.title, "detail": self.detail}
        return fields if self.status is None else {**fields, "status": int(self.status)}

    @property
    def result(self) -> dict[str, Any]:
        """As a result of the worker: status `rejected`, code, title, detail."""
        return {"status": "rejected", "code": self.code, "title": self.title, "detail": self.detail}


def exit_code(refused: int, missing: int = 0) -> int:
    """The code for a command that ran to its end."""
    if missing:
        return EXIT_SERVICE
    return EXIT_REFUSED if refused else EXIT_OK
