"""`make base-image`: pin the base image of the functions by its digest in cdk.json.

A tag such as `python:3.13` names another image each time AWS publishes one. A digest always names the same image. This
program gets the digest of the tag in cdk.json from the registry and sets `base_image` to `<image>:<tag>@<digest>`. Run
it again to update the digest. The digest identifies the image index, so it is valid for both architectures.
"""

import argparse
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from pneumonia_cli.stack.context import default_context
from tools import settings_table

CDK_JSON = Path(__file__).resolve().parent.parent / "cdk.json"

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class NoDigest(Exception):
    """The registry returned no digest. The message contains the registry's answer."""


def digest_of(image: str) -> str:
    """Return the current digest of the image's tag in its registry. Raises NoDigest."""
    command = ["docker", "buildx", "imagetools", "inspect", image, "--format", "{{.Manifest.Digest}}"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise NoDigest(f"docker could not be run: {error}") from error
    found = ran.stdout.strip()
    if ran.returncode or not _DIGEST.fullmatch(found):
        raise NoDigest(f"The registry returned no digest for {image}: {(ran.stderr or found).strip()[:500]}")
    return found


def main(argv: Sequence[str] | None = None, cdk_json: Path = CDK_JSON) -> int:
    """Pin the image, print the change, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("--if-unpinned", action="store_true", help="do nothing if the image has a digest")
    arguments = parser.parse_args(argv)
    before = str(default_context(cdk_json)["base_image"])
    image, _, digest = before.partition("@")
    if digest and arguments.if_unpinned:
        print(f"base image: {before}")
        return 0
    try:
        after = f"{image}@{digest_of(image)}"
    except NoDigest as error:
        print(error, file=sys.stderr)
        return 1
    text = cdk_json.read_text(encoding="utf-8")
    cdk_json.write_text(text.replace(f'"base_image": "{before}"', f'"base_image": "{after}"'), encoding="utf-8")
    if cdk_json == CDK_JSON:
        settings_table.main()
    print(f"base image: {after}" + (f" (before: {before})" if after != before else " (unchanged)"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
