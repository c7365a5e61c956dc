"""What results say of what made them, and how a result is told from an image."""

from typing import Final

from pydicom.dataset import Dataset

MANUFACTURER: Final = "pneumonia-inference"
PICTURE_SERIES: Final = 9001
REPORT_SERIES: Final = 9002
RESEARCH_USE: Final = "RESEARCH USE ONLY"


def is_ours(dataset: Dataset) -> bool:
    """Whether a data set is a result of this project: one that must not be predicted again."""
    return str(dataset.get("Manufacturer") or "").strip() == MANUFACTURER
