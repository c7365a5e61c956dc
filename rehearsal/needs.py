"""Requirements of a rehearsal, checked before it starts."""

import shutil
from typing import Final

from rehearsal.docker import DockerFailed, docker
from rehearsal.registry import COMMAND as REGISTRY_COMMAND

_INSTALL: Final = {
    "git": "On Debian and Ubuntu: apt install git",
    "docker": "See https://docs.docker.com/engine/install/",
    REGISTRY_COMMAND: f"On Debian and Ubuntu: apt install {REGISTRY_COMMAND}",
}


def missing() -> str | None:
    """Return one line that says what is missing and how to get it, or None if nothing is missing."""
    for command, how in _INSTALL.items():
        if shutil.which(command) is None:
            return f"A rehearsal needs the command {command}, which is not on the PATH. {how}"
    try:
        docker("info", "--format={{.ServerVersion}}")
    except DockerFailed as failed:
        said = str(failed).splitlines()[-1]
        return f"A rehearsal needs Docker, but its engine does not respond. Start it first. ({said})"
    return None
