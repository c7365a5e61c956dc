"""The docker command, and the registry that takes images instead of ECR."""

import contextlib
import re
import shlex
import subprocess
from collections.abc import Iterable
from typing import Final

_ID: Final = "sha256:"
_ECR: Final = re.compile(r"^\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/")


class DockerFailed(Exception):
    """The command failed. The message contains its error output."""


def docker(*arguments: str) -> str:
    """Run the docker command and return its output. Raises DockerFailed."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)  # noqa: S607 - on PATH  # nosec B607
    if done.returncode:
        raise DockerFailed(f"docker {shlex.join(arguments[:2])} exited with {done.returncode}: {done.stderr.strip()}")
    return done.stdout.strip()


def remove_images(named: Iterable[str]) -> None:
    """Remove images: first by tag, then by id (sha256:…). The last id comes first, because it is built on the others.

    Images that another image or a container needs are not removed.
    """
    once = list(dict.fromkeys(named))
    tags = [name for name in once if not name.startswith(_ID)]
    ids = [name for name in once if name.startswith(_ID)]
    for name in [*tags, *reversed(ids)]:
        with contextlib.suppress(DockerFailed):  # removed with its tag, or never existed
            docker("rmi", name)


def local_reference(image: str, registry: str) -> str:
    """Return the same repository and tag in the local registry. A reference outside ECR does not change."""
    return _ECR.sub(f"{registry}/", image)
