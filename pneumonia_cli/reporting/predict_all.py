"""`make predict`: images straight through the model, one line of JSON each.

Writes `file` and the fields of the answer, or `file` and `error` (code, title, detail, status) where an image
was refused. Lines are written as they come, so that what was done stays if the run is stopped.
"""

import argparse
import json
import os
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from pneumonia.errors import PneumoniaError, TooLarge, problem, rejects
from pneumonia.predictor import Predictor, process_predictor
from pneumonia_cli.local.environment import export_defaults
from pneumonia_cli.reporting import tables
from pneumonia_cli.reporting.images import ImageFile, NoImages, find_images

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_STOPPED = 130  # as a shell reports Ctrl-C


class UnreadableFile(PneumoniaError):
    """The file system did not give us the file."""

    code = "unreadable_file"
    status = 400
    title = "The file could not be read"


def main(argv: Sequence[str] | None = None) -> int:
    """Predict; answers the exit code: 0 also if images were refused, 2 if there are none."""
    arguments = _parser().parse_args(argv)
    console = Console()
    export_defaults(os.environ)
    try:
        images = find_images(arguments.images, exclude=[arguments.out])
        predictor = process_predictor()
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        lines, stopped = _write(console, predictor, images, arguments.out, force=arguments.force)
    except NoImages as error:
        console.print(Text(str(error), style="red"))
        return EXIT_USAGE
    except (PneumoniaError, OSError) as error:
        console.print(Text(str(error), style="red"))
        return EXIT_FAILED
    _show(console, lines, len(images), arguments.out)
    return EXIT_STOPPED if stopped else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="make predict", description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument(
        "--images",
        nargs="+",
        required=True,
        metavar="PATH",
        help="files, folders or quoted patterns; folders with all they contain",
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("results.jsonl"),
        metavar="FILE",
        help="written anew (default: results.jsonl)",
    )
    parser.add_argument("--force", action="store_true", help="predict what does not look like an upright chest X-ray")
    return parser


def _write(
    console: Console, predictor: Predictor, images: Sequence[ImageFile], out: Path, *, force: bool
) -> tuple[list[dict[str, Any]], bool]:
    """Predict and write; answers the lines written, and whether Ctrl-C ended it early."""
    lines: list[dict[str, Any]] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with out.open("w", encoding="utf-8") as stream, Progress(*columns, console=console) as progress:
        try:
            predicted = predict_all(predictor, images, force=force)
            for line in progress.track(predicted, len(images), description="Predicting"):
                stream.write(json.dumps(line) + "\n")
                stream.flush()
                lines.append(line)
        except KeyboardInterrupt:
            return lines, True
    return lines, False


def predict_all(predictor: Predictor, images: Sequence[ImageFile], *, force: bool = False) -> Iterator[dict[str, Any]]:
    """One line an image, in order. Raises what is no fault of an image: ModelError."""
    for image in images:
        request_id = str(uuid.uuid4())
        try:
            data = _read(image.path, predictor.limits.max_image_bytes)
            yield {
                "file": image.name,
                **predictor.predict(data, request_id=request_id, heatmap=False, force=force).body,
            }
        except PneumoniaError as error:
            if not rejects(error):
                raise
            told = problem(error, request_id)
            yield {"file": image.name, "error": {name: told[name] for name in ("code", "title", "detail", "status")}}


def _read(path: Path, max_bytes: int) -> bytes:
    try:
        size = path.stat().st_size
        if size > max_bytes:  # before reading: it may be larger than the memory
            raise TooLarge(f"The image has {size} bytes, the limit is {max_bytes}. Use a smaller file.")
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFile(f"{error.strerror}.") from error


def _show(console: Console, lines: Sequence[dict[str, Any]], expected: int, out: Path) -> None:
    predicted = [line for line in lines if "error" not in line]
    refused = [(line["file"], line["error"]["code"], line["error"]["detail"]) for line in lines if "error" in line]
    console.print()
    if refused:
        console.print(tables.refused_table(f"{len(refused)} of {len(lines)} refused", refused))
        console.print()
    console.print(tables.summary_table(predicted, len(refused)))
    console.print()
    if predicted:
        console.print(Text(predicted[0]["notice"], style="yellow"))
    if len(lines) < expected:
        console.print(Text(f"Stopped after {len(lines)} of {expected} images.", style="bold red"))
    console.print(Text(f"{len(lines)} lines in {out}"))


if __name__ == "__main__":
    sys.exit(main())
