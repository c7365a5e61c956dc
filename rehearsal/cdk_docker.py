"""The `docker` command of the CDK CLI (CDK_DOCKER). It uses a local registry instead of ECR, without login.

A pushed image is also registered in moto's ECR, because the CLI and moto's Lambda ask ECR whether an image exists. The
tags and ids of all built images are kept in a file, so that the rehearsal can remove the images at its end.
"""

import contextlib
import itertools
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from rehearsal.docker import docker, local_reference

REGISTRY_VARIABLE: Final = "REHEARSAL_REGISTRY"
TAGS_VARIABLE: Final = "REHEARSAL_TAGS"
_SHORT: Final = 12  # digits of an id in the output of a build
_STEP: Final = re.compile(rf"^ ---> ([0-9a-f]{{{_SHORT}}})$", re.MULTILINE)
_MANIFEST: Final = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"


def main(arguments: list[str]) -> int:
    """Run one docker command line of the CLI and return its exit code."""
    if arguments[:1] == ["login"]:
        return 0
    registry = os.environ[REGISTRY_VARIABLE]
    rewritten = [local_reference(argument, registry) for argument in arguments]
    _keep(tag for option, tag in itertools.pairwise(rewritten) if option in ("--tag", "-t"))
    run = _build if arguments[:1] == ["build"] else _run
    code = run(rewritten)
    if code == 0 and arguments[:1] == ["tag"]:
        _keep(rewritten[1:])
    if code == 0 and arguments[:1] == ["push"]:
        _tell_ecr(registry, rewritten[-1])
    return code


def _run(arguments: list[str]) -> int:
    return subprocess.run(["docker", *arguments], check=False).returncode  # noqa: S607 - on PATH  # nosec B607


def _build(arguments: list[str]) -> int:
    """Build an image, and note the ids of intermediate images. Without BuildKit, each step of a build leaves one.

    The builder prints all ids. The ids of images that existed before are not noted, because others may need them.
    """
    before = _image_ids()
    printed: list[str] = []
    with subprocess.Popen(["docker", *arguments], stdout=subprocess.PIPE, text=True, errors="replace") as process:  # noqa: S607  # nosec B607
        for line in process.stdout or ():
            print(line, end="", flush=True)
            printed += _STEP.findall(line)
    new = {id_.removeprefix("sha256:")[:_SHORT]: id_ for id_ in _image_ids() - before}
    _keep(new[short] for short in printed if short in new)
    return process.returncode


def _image_ids() -> set[str]:
    return set(docker("images", "--all", "--quiet", "--no-trunc").split())


def _keep(tags: Iterable[str]) -> None:
    with Path(os.environ[TAGS_VARIABLE]).open("a", encoding="utf-8") as stream:
        stream.writelines(f"{tag}\n" for tag in tags)


def _tell_ecr(registry: str, image: str) -> None:
    import boto3  # slow to import, and rarely needed

    repository, _, tag = image.removeprefix(f"{registry}/").rpartition(":")
    request = urllib.request.Request(
        f"http://{registry}/v2/{repository}/manifests/{tag}", headers={"Accept": _MANIFEST}
    )
    with urllib.request.urlopen(request) as response:  # noqa: S310  # nosec B310
        manifest, media_type = response.read().decode(), response.headers["Content-Type"]
    with contextlib.closing(boto3.client("ecr")) as ecr:
        ecr.put_image(
            repositoryName=repository, imageTag=tag, imageManifest=manifest, imageManifestMediaType=media_type
        )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
