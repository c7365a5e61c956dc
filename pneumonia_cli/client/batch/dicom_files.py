"""`pneumonia submit --dicom`: the results of a batch as DICOM files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pneumonia.model.card import Card
from pneumonia.prevalence import with_prevalence
from pneumonia_cli.client.batch.journal import Entry, Journal
from pneumonia_cli.client.batch.pipeline import BatchOptions
from pneumonia_cli.client.errors import Refused
from pneumonia_cli.client.files import MAX_IMAGE_BYTES, read
from pneumonia_cli.client.hospital import dicom_folder
from pneumonia_cli.client.written import writing
from pneumonia_cli.reporting.images import ImageFile


def write_dicom(journal: Journal, options: BatchOptions, folder: Path, images: Mapping[str, Path], card: Card) -> str:
    """Write the results of every film of a batch that lies here; returns what to say about it.

    `images` gives the path of each film by its name. Raises UsageProblem if the extra `hospital` is missing.
    """
    films = {name: ImageFile(path, name) for name, path in images.items()}
    results = dicom_folder(folder, list(films.values()), card.identity(), force=False)
    for film in journal.films("predicted", "rejected"):
        if film.result is None or film.name not in films:
            continue
        try:
            data = read(films[film.name].path, MAX_IMAGE_BYTES)
        except Refused:  # removed since, or never readable: there is no header to take over
            continue
        line = with_prevalence(_line(film), options.prevalence)
        heatmap = _heatmap(options.out, film)
        with writing(folder):
            results.add(films[film.name], data, line, heatmap)
    return results.told


def _line(film: Entry) -> dict[str, Any]:
    result = film.result or {}
    return dict(result) if film.state == "predicted" else {"error": result}


def _heatmap(out: Path, film: Entry) -> bytes | None:
    """None where there is none, or where the user removed it: the report is written all the same."""
    try:
        return (out / film.heatmap_file).read_bytes() if film.heatmap_file else None
    except OSError:
        return None
