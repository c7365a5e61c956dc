"""Ports of this machine for the local cloud, and the commands to type for them."""

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
"""Set by the Makefile to what the user typed, such as `make serve`."""


def is_free(port: int) -> bool:
    """Whether this process may listen on a port now. Port 0 always is: the system chooses."""
    try:
        socket.create_server((names.HOST, port)).close()
    except OSError:
        return False
    return True


def free_port(first: int, other: int | None = None) -> int:
    """The first free port from `first` on that is not `other`; 0 if there is none, or if the system is to choose."""
    if first == 0:
        return 0
    return next((port for port in range(first, 65536) if port != other and is_free(port)), 0)


def free_pair(port: int, s3_port: int) -> tuple[int, int]:
    """Two different ports that are free: the given ones, or the next ones after them."""
    page = free_port(port)
    return page, free_port(s3_port, other=page)


def serve_command(port: int, s3_port: int, auth: str, env: Mapping[str, str] = os.environ) -> str:
    """What to type to get the local cloud on these ports, as the user typed it before."""
    by_make = env.get(STARTED_BY)
    words = ("PORT=", "S3_PORT=", "AUTH=") if by_make else ("--port ", "--s3-port ", "--auth ")
    given = ((port, names.PORT), (s3_port, names.S3_PORT), (auth, "none"))
    chosen = [f"{word}{value}" for word, (value, default) in zip(words, given, strict=True) if value != default]
    return " ".join([by_make or f"{program()} serve", *chosen])


def client_exports(url: str, endpoint_url: str, token: str | None) -> dict[str, str]:
    """The environment by which `pneumonia … --stack local` finds a local cloud that is not where it usually is."""
    found = {
        "PNEUMONIA_URL": (url, f"http://{names.HOST}:{names.PORT}"),
        "AWS_ENDPOINT_URL": (endpoint_url, names.endpoint_url(names.S3_PORT)),
        "PNEUMONIA_TOKEN": (token, None),
    }
    return {name: value for name, (value, usual) in found.items() if value is not None and value != usual}


def program() -> str:
    """How this command is typed where the user is: by its name if the shell finds it, else by its path."""
    started = Path(sys.argv[0])
    if started.name != "pneumonia":
        return shlex.join([sys.executable, "-m", "pneumonia_cli"])
    found = shutil.which("pneumonia")
    if found is not None and Path(found).resolve() == started.resolve():
        return "pneumonia"
    here = Path.cwd()
    resolved = started.absolute()
    return shlex.quote(str(resolved.relative_to(here) if resolved.is_relative_to(here) else resolved))
