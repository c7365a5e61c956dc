"""`pneumonia serve`: the local cloud, as `make serve`."""

from collections.abc import Sequence

from pneumonia_cli.client.errors import EXIT_OK, CliError
from pneumonia_cli.local import serve


def run(arguments: Sequence[str]) -> int:
    """Serve until Ctrl-C; answers the exit code. Raises CliError if it could not start (it has said why)."""
    if serve.main(list(arguments)):
        raise CliError("The local cloud could not be started.")
    return EXIT_OK
