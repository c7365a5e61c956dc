"""Run the command line and turn every error into one message and one exit code."""

import itertools
import json
import os
import sys
import traceback
from collections.abc import Sequence

from typer.exceptions import TyperException

from pneumonia_cli.client.commands.app import app
from pneumonia_cli.client.errors import EXIT_INTERNAL, EXIT_OK, EXIT_STOPPED, CliError, UsageProblem
from pneumonia_cli.client.output import print_problem
from pneumonia_cli.client.written import unwritable

DEBUG_VARIABLE = "PNEUMONIA_DEBUG"


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line (default: that of the process) and return the exit code.

    With --json an error is an object on standard error: {"error": {"code": ..., "detail": ...}}.
    """
    # The onnxruntime wheels send telemetry unless this is set before they load.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    arguments = list(sys.argv[1:] if argv is None else argv)
    as_json = _wants_json(arguments)
    try:
        code = _run(arguments, as_json=as_json)
        sys.stdout.flush()  # now, because an error at exit would not be reported
        return code
    except KeyboardInterrupt:
        return EXIT_STOPPED
    except CliError as error:
        _tell(error.code, str(error), as_json=as_json)
        return error.exit_code
    except BrokenPipeError:
        # The program after the pipe (`| head`) has closed it, so no error can be reported.
        _drop_stdout()
        return EXIT_INTERNAL
    except Exception as error:
        if isinstance(error, OSError) and (known := unwritable(error)):
            if error.filename is None:
                _drop_stdout()
            _tell(known.code, str(known), as_json=as_json)
            return known.exit_code
        if os.environ.get(DEBUG_VARIABLE):
            traceback.print_exc()
        told = (
            f"{type(error).__name__}: {error}. This is an internal error of the command. "
            f"Set {DEBUG_VARIABLE}=1 to see the traceback."
        )
        _tell("internal_error", told, as_json=as_json)
        return EXIT_INTERNAL


def _wants_json(arguments: list[str]) -> bool:
    """Return whether the user asked for JSON. The options are not parsed yet, because they may be invalid."""
    pairs = itertools.pairwise(arguments)
    return "--json" in arguments or "--output=json" in arguments or ("--output", "json") in pairs


def _run(arguments: list[str], *, as_json: bool) -> int:
    try:
        ended = app(args=arguments, prog_name="pneumonia", standalone_mode=not as_json)
    except SystemExit as exited:  # typer's standalone mode ends commands this way and reports usage errors itself
        return exited.code if isinstance(exited.code, int) else EXIT_INTERNAL
    except TyperException as error:
        raise UsageProblem(error.format_message()) from None
    return ended if isinstance(ended, int) else EXIT_OK


def _drop_stdout() -> None:
    """Discard the buffer of standard output. Otherwise, Python would write it at exit and fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _tell(code: str, detail: str, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"error": {"code": code, "detail": detail}}), file=sys.stderr)
    else:
        print_problem(detail)
