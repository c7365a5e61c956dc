"""`make scale`: simulate how Lambda processes many images at once, from measurements.

Read bench/results.json and cdk.json. Write the tables and the plot of docs/scale.md.
"""

import re
from pathlib import Path

from bench.scale import inputs, plot, study

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs" / "scale.md"
PLOT = ROOT / "docs" / "images" / "scale.svg"

_PLACE = re.compile(r"<!-- scale: (\w+) -->\n.*?<!-- /scale -->", re.DOTALL)


def main() -> None:
    given = inputs.read()
    DOCUMENT.write_text(filled(DOCUMENT.read_text(encoding="utf-8"), study.tables(given)), encoding="utf-8")
    plot.draw(given, PLOT)
    print(f"wrote {DOCUMENT.relative_to(ROOT)} and {PLOT.relative_to(ROOT)}")


def filled(document: str, tables: dict[str, str]) -> str:
    """Return the document with every table at its marker.

    Raises ValueError unless each table has exactly one marker, and each marker a table."""
    places = _PLACE.findall(document)
    if sorted(places) != sorted(tables):
        raise ValueError(f"docs/scale.md has places for {sorted(places)}, the tables are {sorted(tables)}")
    return _PLACE.sub(lambda found: f"<!-- scale: {found[1]} -->\n{tables[found[1]]}\n<!-- /scale -->", document)


if __name__ == "__main__":
    main()
