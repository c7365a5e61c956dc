"""`--dicom` and `--fhir` of `pneumonia submit`: the results of a batch for a hospital's systems."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pneumonia.model.card import Card
from pneumonia.prevalence import with_prevalence
from pneumonia_cli.client.batch.journal import Entry, Journal
from pneumonia_cli.client.batch.pipeline import BatchOptions
from pneumonia_cli.client.errors import Refused
from pneumonia_cli.client.files import MAX_IMAGE_BYTES, read
from pneumonia_cli.client.hospital import Results, open_results
from pneumonia_cli.reporting.images import ImageFile


def write_results(journal: Journal, options: BatchOptions, images: Mapping[str, Path], card: Card) -> Results:
    """Write the results of every image of a batch that is on this machine.

    `images`: the path of each image by its name. Raises UsageProblem if the extra `hospital` is missing.
    """
    files = {name: ImageFile(path, name) for name, path in images.items()}
    results = open_results(options.wanted, list(files.values()), card.identity(), force=options.force)
    for entry in journal.entries("predicted", "rejected"):
        if entry.result is None or entry.name not in files:
            continue
        try:
            data = read(files[entry.name].path, MAX_IMAGE_BYTES)
        except Refused:  # without a readable file there is no header to copy
            continue
        line = with_prevalence(_line(entry), options.prevalence)
        results.add(files[entry.name], data, line, _heatmap(options.out, entry) if results.needs_heatmap else None)
    return results


def _line(entry: Entry) -> dict[str, Any]:
    result = entry.result or {}
    return dict(result) if entry.state == "predicted" else {"error": result}


def _heatmap(out: Path, entry: Entry) -> bytes | None:
    """Return the heatmap as PNG, or None if there is no heatmap or the user removed it. Reports need no heatmap."""
    try:
        return (out / entry.heatmap_file).read_bytes() if entry.heatmap_file else None
    except OSError:
        return None
