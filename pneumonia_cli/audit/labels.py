"""Read the labels of a hospital: a table of images with their labels and patients."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from pneumonia_cli.reporting.images import ImageFile

FILE, LABEL, PATIENT = "file", "label", "patient"

_LABELS = {"pneumonia": 1, "1": 1, "normal": 0, "0": 0}
_DELIMITERS = ",;\t"
_SHOWN = 5


class BadLabels(Exception):
    """The table cannot be used. The message says why."""


@dataclass(frozen=True)
class Labelled:
    """A labelled image. `label`: 1 for pneumonia, 0 for normal. `patient`: the patient in the table, or the name of
    the image if the table has no patients."""

    image: ImageFile
    label: int
    patient: str


@dataclass(frozen=True)
class Labels:
    """`films`: the images with a label, in the order of their names. `grouped`: whether the table names patients.
    `unlabelled`: the number of images without a label, which are left out."""

    films: list[Labelled]
    grouped: bool
    unlabelled: int


def read_labels(table: bytes, images: Sequence[ImageFile]) -> Labels:
    """Join a table of labels with the images of a folder.

    `table`: CSV in UTF-8 with a header, separated by commas, semicolons or tabs. Columns: `file` (relative to the
    folder, with forward slashes), `label` (pneumonia or normal, 1 or 0), and `patient` if known. Others are ignored.
    Raises BadLabels.
    """
    rows = _rows(table)
    header = rows[0].keys() if rows else ()
    missing = [name for name in (FILE, LABEL) if name not in header]
    if missing:
        raise BadLabels(f"The table of labels has no column {' and no column '.join(missing)}, or it has no rows.")
    grouped = PATIENT in header
    by_name = {image.name: image for image in images}
    found: dict[str, Labelled] = {}
    strangers: list[str] = []
    for number, row in enumerate(rows, start=2):
        name, word = (row[FILE] or "").strip().removeprefix("./"), (row[LABEL] or "").strip().casefold()
        if word not in _LABELS:
            raise BadLabels(f"Line {number} of the labels: the label must be pneumonia or normal (or 1 or 0).")
        if name in found:
            raise BadLabels(f"Line {number} of the labels repeats the image of an earlier line: {name}. Remove one.")
        if name not in by_name:
            strangers.append(name)
            continue
        patient = (row.get(PATIENT) or "").strip()
        found[name] = Labelled(by_name[name], _LABELS[word], patient or name)
    if strangers:
        more = f" and {len(strangers) - _SHOWN} more" if len(strangers) > _SHOWN else ""
        raise BadLabels(
            f"The labels name images that are not in the folder: {', '.join(strangers[:_SHOWN])}{more}. "
            "Add these images, or remove their lines."
        )
    counts = Counter(labelled.label for labelled in found.values())
    if not (counts[0] and counts[1]):
        raise BadLabels("The labels must include at least one image with pneumonia and one normal image.")
    films = [found[name] for name in by_name if name in found]
    return Labels(films, grouped, len(images) - len(films))


def _rows(table: bytes) -> list[dict[str, str | None]]:
    try:
        text = table.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadLabels("The labels are not UTF-8. Save the table as CSV UTF-8.") from None
    first = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=first.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter)
    reader.fieldnames = [name.strip().casefold() for name in reader.fieldnames or ()]
    return [row for row in reader if any(isinstance(value, str) and value.strip() for value in row.values())]
