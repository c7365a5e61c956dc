"""`pneumonia predict` and `make predict`: predict images with the model on this machine, without a network."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rich.text import Text

from pneumonia.errors import PneumoniaError
from pneumonia.predictor import process_predictor
from pneumonia.prevalence import with_prevalence
from pneumonia_cli.client import output
from pneumonia_cli.client.errors import EXIT_STOPPED, CliError, exit_code
from pneumonia_cli.client.hospital import Results, Wanted, open_results
from pneumonia_cli.client.records import image_printer
from pneumonia_cli.client.shape import Shape
from pneumonia_cli.client.written import lines_to
from pneumonia_cli.local.environment import export_defaults
from pneumonia_cli.reporting.images import ImageFile
from pneumonia_cli.reporting.outcome import Outcome
from pneumonia_cli.reporting.predict_all import predict_all


def run(
    images: Sequence[ImageFile],
    *,
    force: bool = False,
    prevalence: float | None = None,
    shape: Shape = Shape.TABLE,
    out: Path | None = None,
    wanted: Wanted | None = None,
) -> int:
    """Predict each image, in order, and return the exit code.

    `prevalence`: if given, the probability is also calculated for this share of pneumonia. `wanted`: the folders and
    the server for results in a hospital's formats. Each line is written to `out` at once, so that nothing is lost if
    the command is stopped. Raises CliError if the model cannot be used or the output cannot be written.
    """
    if wanted is not None:
        wanted.check()
    export_defaults(os.environ)
    outcomes: list[Outcome] = []
    results: Results | None = None
    stopped = False
    try:
        predictor = process_predictor()
        if wanted is not None and wanted.folders:
            results = open_results(wanted, images, predictor.card.identity(), force=force)

        def keep(image: ImageFile, data: bytes, line: dict[str, Any], png: bytes | None) -> None:
            if results is not None:
                results.add(image, data, with_prevalence(line, prevalence), png)

        predicted = predict_all(predictor, images, force=force, keep=keep if results else None)
        with ExitStack() as stack:
            write_line = stack.enter_context(lines_to(out))
            bars = stack.enter_context(output.progress(quiet=len(images) < 2))
            show = image_printer(shape)
            task = bars.add_task("Predicting", total=len(images))
            for image, answer in zip(images, predicted, strict=True):
                line = with_prevalence(answer, prevalence)
                outcomes.append(output.outcome_of(image, line))
                show(line)
                write_line(line)
                bars.advance(task)
    except KeyboardInterrupt:
        stopped = True
    except PneumoniaError as error:
        raise CliError(error.detail) from error
    if not shape.for_programs:
        output.show(outcomes)
        if out is not None:
            output.print_text(f"{len(outcomes)} lines in {out}")
    if results is not None:
        results.tell(for_programs=shape.for_programs)
    if stopped:
        output.stderr.print(Text(f"Stopped after {len(outcomes)} of {len(images)} images.", style="bold red"))
        return EXIT_STOPPED
    missing = results.not_sent if results is not None else 0
    return exit_code(sum(outcome.status == "rejected" for outcome in outcomes), missing)
