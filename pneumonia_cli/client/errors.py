"""The errors of the command line, and the exit codes that scripts can rely on."""

from typing import Any, ClassVar

from pneumonia.errors import PneumoniaError

EXIT_OK = 0
"""Every image was predicted."""
EXIT_INTERNAL = 1
"""Internal error of the command."""
EXIT_USAGE = 2
"""The command line is not valid, or the output cannot be written."""
EXIT_REFUSED = 3
"""Some images were refused, each with a reason. All others were predicted."""
EXIT_SERVICE = 4
"""The service, the network or the credentials failed, or results are missing. Trying again can help."""
EXIT_STOPPED = 130
"""Ctrl-C, as a shell reports it."""


UPDATE = "Use the version of this command that belongs to the service."
"""Advice if a newer or an older service sent something unknown."""


class CliError(Exception):
    """An error with one message that says what to do. `code` is for programs."""

    exit_code: ClassVar[int] = EXIT_INTERNAL
    code: ClassVar[str] = "internal_error"


class UsageProblem(CliError):
    """The command cannot do what the options ask for."""

    exit_code = EXIT_USAGE
    code = "usage"


class UnwritableOutput(CliError):
    """The output cannot be written: the disk is full, or a permission is missing."""

    exit_code = EXIT_USAGE
    code = "unwritable_output"

    @classmethod
    def of(cls, path: object, reason: str) -> "UnwritableOutput":
        """Return the error for a path. `reason`: the message of the operating system."""
        return cls(f"{path} cannot be written: {reason}. Free some space, get the permission or choose another path.")


class ServiceError(CliError):
    """The service did not respond, or its response cannot be used."""

    exit_code = EXIT_SERVICE
    code = "service"


class NetworkError(ServiceError):
    """The service could not be reached."""

    code = "network"


class CredentialsError(ServiceError):
    """There are no credentials, or they were not accepted."""

    code = "credentials"


class Refused(Exception):
    """The service refused one image. Other images are not affected."""

    def __init__(self, code: str, title: str, detail: str, status: int | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.title = title
        self.detail = detail
        self.status = status

    @classmethod
    def of(cls, error: PneumoniaError) -> "Refused":
        """Return the refusal of an image that was not sent because it breaks a rule of the service."""
        return cls(error.code, error.title, error.detail, error.status)

    @property
    def fields(self) -> dict[str, Any]:
        """The fields in a line of `predict` and `call`: code, title, detail, and the HTTP status if there was one."""
        fields: dict[str, Any] = {"code": self.code, "title": self.title, "detail": self.detail}
        return fields if self.status is None else {**fields, "status": int(self.status)}

    @property
    def result(self) -> dict[str, Any]:
        """The fields of a worker's result: status `rejected`, code, title, detail."""
        return {"status": "rejected", "code": self.code, "title": self.title, "detail": self.detail}


def exit_code(refused: int, missing: int = 0) -> int:
    """Return the exit code of a command that completed."""
    if missing:
        return EXIT_SERVICE
    return EXIT_REFUSED if refused else EXIT_OK
