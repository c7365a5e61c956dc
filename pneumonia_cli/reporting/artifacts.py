"""The files that a demo writes: one line of JSON and one heatmap for each image."""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pneumonia_cli.reporting.images import ImageFile
from pneumonia_cli.reporting.outcome import Outcome

RESULTS_FILE = "results.jsonl"
REPORT_FILE = "report.html"
LOG_FILE = "handlers.log"
HEATMAP_FOLDER = "heatmaps"

_MAX_STEM = 60  # characters of at most four bytes each, below the 255 bytes of common file systems


def prepare(out: Path) -> None:
    """Create the folder, and remove the files of an earlier demo, so that nobody mistakes them for new files."""
    heatmaps = out / HEATMAP_FOLDER
    earlier = (out / RESULTS_FILE).exists()
    heatmaps.mkdir(parents=True, exist_ok=True)
    if earlier:  # otherwise the PNG files may not be from a demo
        for old in heatmaps.glob("*.png"):
            old.unlink()
        for name in (RESULTS_FILE, REPORT_FILE):
            (out / name).unlink(missing_ok=True)


def safe_stem(text: str) -> str:
    """Return a short name made from the text, without folders, for any file system. The name may be empty."""
    return re.sub(r"[^\w.-]+", "_", text).lstrip(".")[:_MAX_STEM]


def heatmap_files(images: Sequence[ImageFile]) -> dict[ImageFile, str]:
    """Return the path of each heatmap, relative to the demo's folder.

    The names contain no folders, are safe on any file system, and are unique regardless of case.
    """
    names: dict[ImageFile, str] = {}
    taken: set[str] = set()
    for image in images:
        stem = Path(image.name).with_suffix("").as_posix()
        safe = safe_stem(stem.encode("utf-8", "replace").decode()) or "_"
        name, count = safe, 1
        while name.casefold() in taken:
            count += 1
            name = f"{safe}-{count}"
        taken.add(name.casefold())
        names[image] = f"{HEATMAP_FOLDER}/{name}.png"
    return names


def write_heatmaps(out: Path, outcomes: Sequence[Outcome], files: Mapping[ImageFile, str]) -> None:
    """Write the heatmaps of predicted images."""
    for outcome in outcomes:
        if outcome.heatmap_png is not None:
            (out / files[outcome.image]).write_bytes(outcome.heatmap_png)


def write_results(out: Path, outcomes: Sequence[Outcome], files: Mapping[ImageFile, str]) -> None:
    """Write one line for each image: `file`, the fields of its result, and `heatmap_file` relative to the folder.

    Without a result, the line has `file`, `status` "missing" and `detail`.
    """
    with (out / RESULTS_FILE).open("w", encoding="utf-8") as stream:
        for outcome in outcomes:
            if outcome.result is None:
                fields = {"status": "missing", "detail": outcome.missing}
            else:
                heatmap = files[outcome.image] if outcome.heatmap_png else None
                fields = {**outcome.result, "heatmap_file": heatmap}
            stream.write(json.dumps({"file": outcome.image.name, **fields}) + "\n")
