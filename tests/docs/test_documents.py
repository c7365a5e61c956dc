"""Tests of the documents: the README is short, and defaults of settings are correct."""

import re
from pathlib import Path

from pneumonia_cli.stack.context import default_context

ROOT = Path(__file__).parents[2]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))


def test_the_readme_is_short() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150, "the README is for the first minute; move the rest to docs/"


def test_defaults_in_brackets_match_the_settings() -> None:
    defaults, found = default_context(), 0
    for path in DOCUMENTS:
        for name, shown in re.findall(r"`(\w+)` \(([\d.,]*\d)\b", path.read_text(encoding="utf-8")):
            if name in defaults:
                found += 1
                assert float(shown.replace(",", "")) == defaults[name], f"{path.name}: {name}"
    assert found
