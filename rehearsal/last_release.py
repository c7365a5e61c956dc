"""The tree of the release before this one, from git: what is deployed somewhere and will be updated to this tree."""

import io
import subprocess
import tarfile
from pathlib import Path
from typing import Final

from rehearsal.cdk import ROOT

LAST_RELEASE: Final = "af7997517824999463278825cf0b3d5dfdf1dfa6"
"""Its commit. A new release moves it on."""


def unpacked(target: Path) -> bool:
    """Put the tree into a folder. Returns False where git lacks it, as in a shallow clone."""
    command = ["git", "archive", "--format=tar", LAST_RELEASE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False)
    if done.returncode:
        return False
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(target, filter="data")
    return True


def absent() -> str:
    """Why there is nothing to update from."""
    return f"git has no {LAST_RELEASE[:7]} here: this clone has no history"
