"""Record figures that slow tests measure. RECORD_FIGURES=1 writes them into docs/measured.json (`make measure`)."""

import os
from typing import SupportsFloat

from tools.figures import measured, samples


def record(section: str, row: str, *values: SupportsFloat) -> None:
    """Record a row of a table that was measured with the shipped model, if RECORD_FIGURES is set."""
    if os.environ.get("RECORD_FIGURES"):
        rounded = [round(float(value), 4) for value in values]
        measured.add_row(section, "make measure", samples.model(), row, rounded)
