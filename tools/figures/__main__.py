"""Fill the figures of all documents from their sources (`make figures`)."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.figures import markers, measured, samples, sources
from tools.figures.measured import ROOT


def documents() -> Iterator[Path]:
    """Yield all documents that may have figures."""
    yield from (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "bench" / "README.md")
    yield from sorted((ROOT / "docs").glob("*.md"))


def main(argv: Sequence[str] | None = None) -> int:
    """Update the figures and return the exit code."""
    parser = argparse.ArgumentParser(prog="make figures", description=__doc__)
    parser.add_argument("--measure", action="store_true", help="predict the samples again with the same model")
    arguments = parser.parse_args(argv)
    if arguments.measure or measured.load().get(samples.SECTION, {}).get("model") != samples.model():
        measured.store(samples.SECTION, samples.COMMAND, samples.measure())
    figures = sources.figures()
    for path in documents():
        before = path.read_text(encoding="utf-8")
        after = markers.filled(before, figures)
        if after != before:
            path.write_text(after, encoding="utf-8")
            print(f"filled {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
