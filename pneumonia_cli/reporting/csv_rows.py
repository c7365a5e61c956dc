"""One image as a row of results.csv. The table that the page exports has the same columns (`page/csv.js`)."""

from collections.abc import Mapping
from typing import Any, Final

from pneumonia_cli.reporting.cells import cell

COLUMNS: Final = (
    "file",
    "status",
    "triage",
    "in_training_population",
    "forced",
    "warnings",
    "pneumonia",
    "calibrated_prevalence",
    "prevalence",
    "pneumonia_at_prevalence",
    "label",
    "threshold",
    "format",
    "width",
    "height",
    "sop_instance_uid",
    "study_instance_uid",
    "feedback",
    "feedback_reason",
    "code",
    "detail",
    "model",
    "model_version",
    "model_sha256",
    "request_id",
    "correlation_id",
    "heatmap_file",
    "answered_at",
    "notice",
)
"""Unknown values are empty cells. The page does not know `heatmap_file`. The command line does not know `answered_at`,
the time at which the service answered."""

ENCODING: Final = "utf-8-sig"
"""UTF-8 with a byte order mark, so that spreadsheets recognize the encoding."""

_IMAGE = ("format", "width", "height", "sop_instance_uid", "study_instance_uid")


def csv_row(line: Mapping[str, Any]) -> dict[str, str]:
    """Return the cells of a line of results.jsonl as text, by the names of COLUMNS.

    True and false are written as in JSON, and warnings are separated by spaces.
    """
    image, model = line.get("image") or {}, line.get("model") or {}
    elsewhere, said = line.get("at_prevalence") or {}, line.get("feedback") or {}
    values = {
        **{name: line.get(name) for name in COLUMNS},
        **{name: image.get(name) for name in _IMAGE},
        "warnings": " ".join(image.get("warnings") or ()),
        "prevalence": elsewhere.get("prevalence"),
        "pneumonia_at_prevalence": elsewhere.get("probability"),
        "feedback": said.get("verdict"),
        "feedback_reason": said.get("reason"),
        "model": model.get("name"),
        "model_version": model.get("version"),
        "model_sha256": model.get("sha256"),
    }
    return {name: cell(value) for name, value in values.items()}
