"""`pneumonia call`: images to the deployed service, answers back."""

import base64
import binascii
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pneumonia.prevalence import with_prevalence
from pneumonia_cli.client import output
from pneumonia_cli.client.errors import Refused, ServiceError, exit_code
from pneumonia_cli.client.files import MAX_IMAGE_BYTES, read
from pneumonia_cli.client.parallel import ordered_map
from pneumonia_cli.client.service import MAX_DIRECT_BYTES, Service
from pneumonia_cli.reporting.artifacts import heatmap_files
from pneumonia_cli.reporting.images import ImageFile
from pneumonia_cli.reporting.outcome import Outcome


@dataclass(frozen=True)
class CallOptions:
    """What the user chose. `heatmaps` is a folder for PNG files, `out` a file for lines of JSON, `prevalence` a share
    that the probability is also given for."""

    as_json: bool = False
    out: Path | None = None
    heatmaps: Path | None = None
    force: bool = False
    prevalence: float | None = None
    jobs: int = 4
    patience_seconds: float = 120.0


def run(service: Service, images: Sequence[ImageFile], options: CallOptions) -> int:
    """Call the service for each image, in order; answers the exit code. Raises ServiceError."""
    targets: dict[ImageFile, Path] = {}
    if options.heatmaps is not None:
        options.heatmaps.mkdir(parents=True, exist_ok=True)
        targets = {image: options.heatmaps / Path(file).name for image, file in heatmap_files(images).items()}
    outcomes: list[Outcome] = []

    def call(image: ImageFile) -> dict[str, Any]:
        return {"file": image.name, **_call(service, image, targets.get(image), options)}

    with ExitStack() as stack:
        stream = stack.enter_context(options.out.open("w", encoding="utf-8")) if options.out else None
        bars = stack.enter_context(output.progress(quiet=len(images) < 2))
        pool = stack.enter_context(ThreadPoolExecutor(options.jobs))
        # Nothing that waits is begun any more after an error.
        stack.callback(pool.shutdown, wait=False, cancel_futures=True)
        task = bars.add_task("Calling", total=len(images))
        for image, line in zip(images, ordered_map(pool, call, images, ahead=2 * options.jobs), strict=True):
            outcomes.append(output.outcome_of(image, line))
            if options.as_json:
                output.print_json(line)
            if stream is not None:
                stream.write(json.dumps(line) + "\n")
                stream.flush()
            bars.advance(task)
    if not options.as_json:
        output.show(outcomes)
    return exit_code(refused=sum(outcome.status == "rejected" for outcome in outcomes))


def _call(service: Service, image: ImageFile, heatmap_file: Path | None, options: CallOptions) -> dict[str, Any]:
    """The fields of the answer, or `error`."""
    try:
        data = read(image.path, MAX_IMAGE_BYTES)
        if len(data) <= MAX_DIRECT_BYTES:
            answer = service.predict(data, heatmap=heatmap_file is not None, force=options.force)
            png = _embedded(answer.pop("heatmap", None)) if heatmap_file else None
        else:
            path = service.upload(data, force=options.force)
            answer = service.result(path, patience_seconds=options.patience_seconds)
            answer.pop("heatmap", None)
            png = service.heatmap(path) if heatmap_file else None
    except Refused as refused:
        return {"error": refused.fields}
    if heatmap_file is not None and png is not None:
        heatmap_file.write_bytes(png)
    answer.pop("status", None)
    # Here, not by the service: one of an earlier version does not know the option.
    return with_prevalence(answer, options.prevalence)


def _embedded(heatmap: Any) -> bytes | None:
    if heatmap is None:
        return None
    try:
        return base64.b64decode(heatmap["data"], validate=True)
    except (KeyError, TypeError, binascii.Error):
        raise ServiceError("The service sent a heatmap that this version does not understand.") from None
