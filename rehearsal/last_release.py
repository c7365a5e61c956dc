"""The source tree of the last release, from git. A stack is deployed from it and then updated to this tree."""

import io
import subprocess
import tarfile
from pathlib import Path
from typing import Final

from rehearsal.cdk import ROOT

LAST_RELEASE: Final = "fc435c1b5caf453e2d313ad6fd6d07a4165ec8a4"
"""Commit of the last release. Change it with each new release."""


def unpacked(target: Path) -> bool:
    """Unpack the source tree into a folder. Return False if git lacks the commit, as in a shallow clone."""
    command = ["git", "archive", "--format=tar", LAST_RELEASE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        return False
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(target, filter="data")
    return True


def absent() -> str:
    """Return the reason why there is no last release."""
    return f"git has no {LAST_RELEASE[:7]} here: this clone has no history"
