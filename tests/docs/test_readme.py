"""The README is for a stranger who has one minute: all else belongs into docs/."""

from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def test_it_is_short() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 150, "move what is not for the first minute to docs/"
