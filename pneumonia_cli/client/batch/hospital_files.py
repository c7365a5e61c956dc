"""`--dicom` and `--fhir` of `pneumonia submit`: the results of a batch for a hospital's own systems."""

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
    """Write the results of every image of a batch that lies here.

    `images` gives the path of each image by its name. Raises UsageProblem if the extra `hospital` is missing.
    """
    films = {name: ImageFile(path, name) for name, path in images.items()}
    results = open_results(options.wanted, list(films.values()), card.identity(), force=options.force)
    for film in journal.films("predicted", "rejected"):
        if film.result is None or film.name not in films:
            continue
        try:
            data = read(films[film.name].path, MAX_IMAGE_BYTES)
        except Refused:  # removed since, or never readable: there is no header to take over
            continue
        line = with_prevalence(_line(film), options.prevalence)
        results.add(films[film.name], data, line, _heatmap(options.out, film) if results.needs_heatmap else None)
    return results


def _line(film: Entry) -> dict[str, Any]:
    result = film.result or {}
    return dict(result) if film.state == "predicted" else {"error": result}


def _heatmap(out: Path, film: Entry) -> bytes | None:
    """None where there is none, or where the user removed it: the report is written all the same."""
    try:
        return (out / film.heatmap_file).read_bytes() if film.heatmap_file else None
    except OSError:
        return None
