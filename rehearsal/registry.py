"""A container registry on this machine for one rehearsal, from the Debian package docker-registry."""

import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pneumonia_cli.local.names import HOST

COMMAND: Final = "docker-registry"
_START_SECONDS: Final = 120


class RegistryFailed(Exception):
    """The registry did not start. The message says why."""


@contextlib.contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Run a registry that keeps its images in a folder, and yield its host and port. Raises RegistryFailed."""
    command = shutil.which(COMMAND)
    if command is None:
        raise RegistryFailed(f"The command {COMMAND} is missing. On Debian and Ubuntu: apt install {COMMAND}")
    address = f"{HOST}:{_free_port()}"
    settings = folder / "registry.json"  # the registry reads YAML, which includes JSON
    settings.write_text(
        json.dumps(
            {
                "version": 0.1,
                "log": {"level": "error", "accesslog": {"disabled": True}},
                "storage": {"filesystem": {"rootdirectory": str(folder / "images")}},
                "http": {"addr": address},
            }
        )
    )
    log = folder / "registry.log"
    with log.open("w", encoding="utf-8") as stream:
        process = subprocess.Popen([command, "serve", str(settings)], stdout=stream, stderr=subprocess.STDOUT)
        try:
            _wait_for(address, process, log)
            yield address
        finally:
            process.terminate()
            process.wait()


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            urllib.request.urlopen(f"http://{address}/v2/").close()  # nosec B310
        except (OSError, urllib.error.URLError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RegistryFailed(f"{COMMAND} did not start: {log.read_text(encoding='utf-8')}") from None
            time.sleep(0.05)
        else:
            return


def _free_port() -> int:
    with contextlib.closing(socket.create_server((HOST, 0))) as listener:
        return int(listener.getsockname()[1])
