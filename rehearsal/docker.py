"""The docker command, and where images are pushed instead of to ECR."""

import re
import shlex
import subprocess
from typing import Final

_ECR: Final = re.compile(r"^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/")


class DockerFailed(Exception):
    """The command failed; the message is what it said."""


def docker(*arguments: str) -> str:
    """Run the docker command and answer what it printed. Raises DockerFailed."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)  # noqa: S607 - on PATH  # nosec B607
    if done.returncode:
        raise DockerFailed(f"docker {shlex.join(arguments[:2])} exited with {done.returncode}: {done.stderr.strip()}")
    return done.stdout.strip()


def local_reference(image: str, registry: str) -> str:
    """The same repository and tag in the registry of this machine; what is in no ECR stays as it is."""
    return _ECR.sub(f"{registry}/", image)
