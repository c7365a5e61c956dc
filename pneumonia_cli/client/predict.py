"""`pneumonia predict` and `make predict`: images through the model of this machine, without any network."""

import json
import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.text import Text

from pneumonia.errors import PneumoniaError
from pneumonia.predictor import process_predictor
from pneumonia.prevalence import with_prevalence
from pneumonia_cli.client import output
from pneumonia_cli.client.errors import EXIT_STOPPED, CliError, exit_code
from pneumonia_cli.local.environment import export_defaults
from pneumonia_cli.reporting.images import ImageFile
from pneumonia_cli.reporting.outcome import Outcome
from pneumonia_cli.reporting.predict_all import predict_all


def run(
    images: Sequence[ImageFile],
    *,
    force: bool = False,
    prevalence: float | None = None,
    as_json: bool = False,
    out: Path | None = None,
) -> int:
    """Predict each image, in order; answers the exit code. Raises CliError if the model cannot be used.

    `prevalence`: a share that the probability is also given for.
    Lines are written to `out` as they come, so that what was done stays if the run is stopped.
    """
    export_defaults(os.environ)
    outcomes: list[Outcome] = []
    stopped = False
    try:
        predictor = process_predictor()
        with ExitStack() as stack:
            if out is not None:
                out.parent.mkdir(parents=True, exist_ok=True)
            stream = stack.enter_context(out.open("w", encoding="utf-8")) if out else None
            bars = stack.enter_context(output.progress(quiet=len(images) < 2))
            task = bars.add_task("Predicting", total=len(images))
            for image, answer in zip(images, predict_all(predictor, images, force=force), strict=True):
                line = with_prevalence(answer, prevalence)
                outcomes.append(output.outcome_of(image, line))
                if as_json:
                    output.print_json(line)
                if stream is not None:
                    stream.write(json.dumps(line) + "\n")
                    stream.flush()
                bars.advance(task)
    except KeyboardInterrupt:
        stopped = True
    except PneumoniaError as error:
        raise CliError(error.detail) from error
    if not as_json:
        output.show(outcomes)
        if out is not None:
            output.print_text(f"{len(outcomes)} lines in {out}")
    if stopped:
        output.stderr.print(Text(f"Stopped after {len(outcomes)} of {len(images)} images.", style="bold red"))
        return EXIT_STOPPED
    return exit_code(refused=sum(outcome.status == "rejected" for outcome in outcomes))
