"""Name this project as the maker of results, and distinguish its results from images."""

from typing import Final

from pydicom.dataset import Dataset

MANUFACTURER: Final = "pneumonia-inference"
PICTURE_SERIES: Final = 9001
REPORT_SERIES: Final = 9002
RESEARCH_USE: Final = "RESEARCH USE ONLY"


def is_ours(dataset: Dataset) -> bool:
    """Return whether a data set is a result of this project, which must not be predicted."""
    return str(dataset.get("Manufacturer") or "").strip() == MANUFACTURER
