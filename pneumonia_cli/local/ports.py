"""Find free ports for the local cloud, and write the commands and variables that use them."""

import os
import shlex
import shutil
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pneumonia_cli.local import names

STARTED_BY: Final = "PNEUMONIA_STARTED_BY"
"""Variable that the Makefile sets to the command that the user typed, such as `make serve`."""


def is_free(port: int) -> bool:
    """Return whether this process may listen on a port now. Port 0 is always free, since the system chooses one."""
    try:
        socket.create_server((names.HOST, port)).close()
    except OSError:
        return False
    return True


def free_port(first: int, other: int | None = None) -> int:
    """Return the first free port from `first` upwards, skipping `other`. Returns 0 if none is free or `first` is 0."""
    if first == 0:
        return 0
    return next((port for port in range(first, 65536) if port != other and is_free(port)), 0)


def free_pair(port: int, s3_port: int) -> tuple[int, int]:
    """Return two different free ports: the given ones, or the next free ones after them."""
    page = free_port(port)
    return page, free_port(s3_port, other=page)


def serve_command(port: int, s3_port: int, auth: str, env: Mapping[str, str] = os.environ) -> str:
    """Return the command that starts the local cloud on these ports, in the form in which the user typed it."""
    by_make = env.get(STARTED_BY)
    words = ("PORT=", "S3_PORT=", "AUTH=") if by_make else ("--port ", "--s3-port ", "--auth ")
    given = ((port, names.PORT), (s3_port, names.S3_PORT), (auth, "none"))
    chosen = [f"{word}{value}" for word, (value, default) in zip(words, given, strict=True) if value != default]
    return " ".join([by_make or f"{program()} serve", *chosen])


def client_exports(url: str, endpoint_url: str, token: str | None) -> dict[str, str]:
    """Return the environment with which `pneumonia … --stack local` finds a local cloud on other ports."""
    found = {
        "PNEUMONIA_URL": (url, f"http://{names.HOST}:{names.PORT}"),
        "AWS_ENDPOINT_URL": (endpoint_url, names.endpoint_url(names.S3_PORT)),
        "PNEUMONIA_TOKEN": (token, None),
    }
    return {name: value for name, (value, usual) in found.items() if value is not None and value != usual}


def program() -> str:
    """Return how to type this command: its name if the shell finds it, otherwise its path."""
    started = Path(sys.argv[0])
    if started.name != "pneumonia":
        return shlex.join([sys.executable, "-m", "pneumonia_cli"])
    found = shutil.which("pneumonia")
    if found is not None and Path(found).resolve() == started.resolve():
        return "pneumonia"
    here = Path.cwd()
    resolved = started.absolute()
    return shlex.quote(str(resolved.relative_to(here) if resolved.is_relative_to(here) else resolved))
