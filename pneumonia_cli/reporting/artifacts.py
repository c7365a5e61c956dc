"""The files a demo leaves behind: one line of JSON and one heatmap an image."""

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

_MAX_STEM = 60  # characters, at most four bytes each: below the 255 bytes of common file systems


def prepare(out: Path) -> None:
    """Make the folder; what an earlier demo left there is removed, so that nothing old passes for new."""
    heatmaps = out / HEATMAP_FOLDER
    earlier = (out / RESULTS_FILE).exists()
    heatmaps.mkdir(parents=True, exist_ok=True)
    if earlier:  # else the folder may be someone else's
        for old in heatmaps.glob("*.png"):
            old.unlink()
        for name in (RESULTS_FILE, REPORT_FILE):
            (out / name).unlink(missing_ok=True)


def safe_stem(text: str) -> str:
    """As much of a text as any file system takes for a name, without folders; may be empty."""
    return re.sub(r"[^\w.-]+", "_", text).lstrip(".")[:_MAX_STEM]


def heatmap_files(images: Sequence[ImageFile]) -> dict[ImageFile, str]:
    """Where the heatmap of each image goes, relative to the demo's folder.

    The names are free of folders, safe on any file system, and unique regardless of case.
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
    """Write the heatmaps of predicted images to their files."""
    for outcome in outcomes:
        if outcome.heatmap_png is not None:
            (out / files[outcome.image]).write_bytes(outcome.heatmap_png)


def write_results(out: Path, outcomes: Sequence[Outcome], files: Mapping[ImageFile, str]) -> None:
    """One line an image: `file`, the fields of its result, and `heatmap_file` relative to the folder.

    Where there is no result: `file`, `status` "missing" and `detail`.
    """
    with (out / RESULTS_FILE).open("w", encoding="utf-8") as stream:
        for outcome in outcomes:
            if outcome.result is None:
                fields = {"status": "missing", "detail": outcome.missing}
            else:
                heatmap = files[outcome.image] if outcome.heatmap_png else None
                fields = {**outcome.result, "heatmap_file": heatmap}
            stream.write(json.dumps({"file": outcome.image.name, **fields}) + "\n")
