"""`pneumonia call`: send images to the deployed service and show the predictions."""

import base64
import binascii
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pneumonia.errors import ModelError
from pneumonia.model.card import Card
from pneumonia.prevalence import with_prevalence
from pneumonia_cli.client import output
from pneumonia_cli.client.errors import UPDATE, Refused, ServiceError, exit_code
from pneumonia_cli.client.files import MAX_IMAGE_BYTES, read
from pneumonia_cli.client.hospital import Results, Wanted, open_results
from pneumonia_cli.client.parallel import ordered_map
from pneumonia_cli.client.records import image_printer
from pneumonia_cli.client.service import MAX_DIRECT_BYTES, Service
from pneumonia_cli.client.shape import Shape
from pneumonia_cli.client.written import lines_to, make_folder, write_bytes
from pneumonia_cli.reporting.artifacts import heatmap_files
from pneumonia_cli.reporting.images import ImageFile
from pneumonia_cli.reporting.outcome import Outcome


@dataclass(frozen=True)
class CallOptions:
    """The user's options.

    `heatmaps`: a folder for PNG files. `out`: a file for lines of JSON. `prevalence`: if given, the probability is also
    calculated for this share of pneumonia. `wanted`: the folders and the server for results in a hospital's formats.
    """

    shape: Shape = Shape.TABLE
    out: Path | None = None
    heatmaps: Path | None = None
    wanted: Wanted = field(default_factory=Wanted)
    force: bool = False
    prevalence: float | None = None
    jobs: int = 4
    patience_seconds: float = 120.0


def run(service: Service, images: Sequence[ImageFile], options: CallOptions) -> int:
    """Call the service for each image, in order, and return the exit code. Raises ServiceError, UnwritableOutput."""
    targets: dict[ImageFile, Path] = {}
    if options.heatmaps is not None:
        make_folder(options.heatmaps)
        targets = {image: options.heatmaps / Path(file).name for image, file in heatmap_files(images).items()}
    results: Results | None = None
    options.wanted.check()
    if options.wanted.folders:
        results = open_results(options.wanted, images, model_of(service), force=options.force)
    outcomes: list[Outcome] = []

    def call(image: ImageFile) -> dict[str, Any]:
        return {"file": image.name, **_call(service, image, targets.get(image), results, options)}

    with ExitStack() as stack:
        keep = stack.enter_context(lines_to(options.out))
        bars = stack.enter_context(output.progress(quiet=len(images) < 2))
        pool = stack.enter_context(ThreadPoolExecutor(options.jobs))
        # After an error, start no further call.
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        show = image_printer(options.shape)
        task = bars.add_task("Calling", total=len(images))
        for image, line in zip(images, ordered_map(pool, call, images, ahead=2 * options.jobs), strict=True):
            outcomes.append(output.outcome_of(image, line))
            show(line)
            keep(line)
            bars.advance(task)
    if not options.shape.for_programs:
        output.show(outcomes)
    if results is not None:
        results.tell(for_programs=options.shape.for_programs)
    missing = results.not_sent if results is not None else 0
    return exit_code(sum(outcome.status == "rejected" for outcome in outcomes), missing)


def model_of(service: Service) -> dict[str, str]:
    """Return name, version and sha256 of the model of a service. Raises ServiceError."""
    try:
        return Card.from_document(service.card()).identity()
    except ModelError as error:
        raise ServiceError(f"The model card of the service cannot be read: {error.detail} {UPDATE}") from error


def ask(
    service: Service, data: bytes, *, heatmap: bool, force: bool, patience_seconds: float
) -> tuple[dict[str, Any], bytes | None]:
    """Return the fields of the prediction for one image, and its heatmap as PNG if wanted.

    Raises Refused, ServiceError.
    """
    if len(data) <= MAX_DIRECT_BYTES:
        answer = service.predict(data, heatmap=heatmap, force=force)
        png = _embedded(answer.pop("heatmap", None)) if heatmap else None
    else:
        path = service.upload(data, force=force)
        answer = service.result(path, patience_seconds=patience_seconds)
        answer.pop("heatmap", None)
        png = service.heatmap(path) if heatmap else None
    answer.pop("status", None)
    return answer, png


def _call(
    service: Service, image: ImageFile, heatmap_file: Path | None, results: Results | None, options: CallOptions
) -> dict[str, Any]:
    """Return the fields of the prediction, or `error` with the fields of the refusal."""
    data, png, wanted = b"", None, heatmap_file is not None
    wanted = wanted or (results is not None and results.needs_heatmap)
    try:
        data = read(image.path, MAX_IMAGE_BYTES)
        answer, png = ask(service, data, heatmap=wanted, force=options.force, patience_seconds=options.patience_seconds)
        # Calculate the probability here, because earlier versions of the service do not know the prevalence option.
        line = with_prevalence(answer, options.prevalence)
    except Refused as refused:
        line = {"error": refused.fields}
    if heatmap_file is not None and png is not None:
        write_bytes(heatmap_file, png)
    if results is not None and data:
        results.add(image, data, line, png)
    return line


def _embedded(heatmap: Any) -> bytes | None:
    if heatmap is None:
        return None
    try:
        return base64.b64decode(heatmap["data"], validate=True)
    except (KeyError, TypeError, binascii.Error):
        raise ServiceError(f"The service sent a heatmap that this version cannot read. {UPDATE}") from None
