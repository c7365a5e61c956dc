"""What the documents promise of themselves: a short README, and the defaults of settings as they are."""

import re
from pathlib import Path

from pneumonia_cli.stack.context import default_context

ROOT = Path(__file__).parents[2]
DOCUMENTS = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))


def test_the_readme_is_for_a_stranger_who_has_one_minute() -> None:
    lines = (ROOT / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 150, "move what is not for the first minute to docs/"


def test_a_default_in_brackets_is_that_of_the_setting() -> None:
    defaults, found = default_context(), 0
    for path in DOCUMENTS:
        for name, shown in re.findall(r"`(\w+)` \(([\d.,]*\d)\b", path.read_text(encoding="utf-8")):
            if name in defaults:
                found += 1
                assert float(shown.replace(",", "")) == defaults[name], f"{path.name}: {name}"
    assert found
