"""Tests of the Dependabot configuration: it watches every folder that pins a dependency."""

from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
UPDATES: list[dict[str, Any]] = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text("utf-8"))["updates"]


def folders(pattern: str) -> set[str]:
    """Return folders with a file of this pattern as Dependabot names them: from the root, with a leading slash."""
    # At most two levels deep, and without the folders that make builds.
    found = {path.parent.relative_to(ROOT) for depth in ("", "*/", "*/*/") for path in ROOT.glob(depth + pattern)}
    return {
        f"/{folder}".replace("/.", "/") for folder in map(str, found) if not folder.startswith((".venv", "cdk.out"))
    }


@pytest.mark.parametrize(("ecosystem", "pattern"), [("pip", "requirements*.in"), ("docker", "Dockerfile")])
def test_every_folder_that_pins_a_dependency_is_watched(ecosystem: str, pattern: str) -> None:
    (update,) = [update for update in UPDATES if update["package-ecosystem"] == ecosystem]
    assert set(update.get("directories", [update.get("directory")])) == folders(pattern)


def test_actions_are_watched() -> None:
    assert "github-actions" in {update["package-ecosystem"] for update in UPDATES}
