"""Write a self-contained HTML file with every image, its heatmap and its result."""

import base64
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from pneumonia.decode.dispatch import decode
from pneumonia.decode.limits import Limits
from pneumonia.model.card import Card
from pneumonia.model.heatmap import INFERNO, LEGEND_HEIGHT
from pneumonia_cli.reporting.images import ImageFile
from pneumonia_cli.reporting.outcome import Outcome, by_status
from pneumonia_cli.reporting.verdict import (
    GROUPS,
    MEANINGS,
    WORDS,
    caveat_of,
    group_of,
    heat_words,
    measured_words,
    number_of,
    percent,
    share_words,
)

SIDES = ((100, 512), (1000, 256))
"""Pairs of (most images in a page, pixels of the longer side of each image)."""
SMALLEST_SIDE = 128
"""Pixels of the longer side in larger pages: a browser must be able to open ten thousand images."""
BINS = 20


@dataclass(frozen=True)
class Row:
    """A predicted image as the page shows it: image and heatmap as data: URLs, or None.

    `heatmap_file`: path of the heatmap at full size, relative to the page. The page links to it but does not need it.
    """

    name: str
    image: str | None
    heatmap: str | None
    heatmap_file: str | None
    result: dict[str, Any]


@dataclass
class Tally:
    """Counts of images by group (`verdict.GROUPS`), and the calibrated probabilities of those without a caveat."""

    groups: Counter[str] = field(default_factory=Counter)
    probabilities: list[float] = field(default_factory=list)

    def add(self, result: Mapping[str, Any]) -> None:
        """Count a prediction."""
        self.groups[group_of(result)] += 1
        if caveat_of(result) is None:
            self.probabilities.append(float(result["pneumonia"]))


@dataclass(frozen=True)
class Content:
    """The content of a page.

    `rows`: an iterable that is read once, so that rows are created while the page is written. `tally`: the counts of
    the same images.
    """

    rows: Iterable[Row]
    tally: Tally
    rejected: Sequence[Outcome]
    missing: Sequence[Outcome]
    card: Card
    made: datetime


@dataclass(frozen=True)
class Bar:
    """One bin of the histogram, as stacked rectangles: (triage, y, height) in percent of the plot."""

    x: float
    width: float
    parts: list[tuple[str, float, float]]
    title: str


def render(
    outcomes: Sequence[Outcome],
    heatmap_files: Mapping[ImageFile, str],
    card: Card,
    limits: Limits,
    made: datetime,
) -> str:
    """Return the page for outcomes that are all in memory.

    `heatmap_files`: path of each heatmap at full size, relative to the page. The page links to these files but does not
    need them.
    """
    predicted = by_status(outcomes, "predicted")
    side = thumbnail_side(len(predicted))
    tally = Tally()
    for outcome in predicted:
        if outcome.result is not None:
            tally.add(outcome.result)
    stream = io.StringIO()
    write(
        stream,
        Content(
            rows=(_row(outcome, heatmap_files[outcome.image], limits, side) for outcome in predicted),
            tally=tally,
            rejected=by_status(outcomes, "rejected"),
            missing=by_status(outcomes, "missing"),
            card=card,
            made=made,
        ),
    )
    return stream.getvalue()


def write(stream: TextIO, content: Content) -> None:
    """Write the page piece by piece, so that a page of ten thousand images is never in memory as a whole.

    The template engine escapes all untrusted text.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    environment.filters |= {
        "percent": percent,
        "capfirst": lambda text: text[:1].upper() + text[1:],
        "group": group_of,
        "caveat": caveat_of,
        "number": number_of,
        "share": share_words,
    }
    card, tally = content.card, content.tally
    points = card.operating_points
    bars, tallest = histogram(tally.probabilities, points.rule_out, points.rule_in)
    shown = tally.groups.total()
    pieces = environment.get_template("report.html.j2").generate(
        card=card.document,
        identity=card.identity(),
        notice=card.notice,
        points=points,
        words=WORDS,
        groups={group: word for group, word in GROUPS.items() if group in WORDS or tally.groups[group]},
        meanings=MEANINGS,
        measured={triage: measured_words(card, triage) for triage in WORDS},
        heat=heat_words(card),
        calibrated=card.calibration.prevalence,
        counts=tally.groups,
        total=shown + len(content.rejected) + len(content.missing),
        shown=shown,
        rows=content.rows,
        rejected=content.rejected,
        missing=content.missing,
        bars=bars,
        tallest=tallest,
        gradient=", ".join(f"rgb({int(r)} {int(g)} {int(b)})" for r, g, b in INFERNO),
        made=content.made.strftime("%Y-%m-%d %H:%M"),
    )
    stream.writelines(pieces)


def histogram(probabilities: Sequence[float], rule_out: float, rule_in: float) -> tuple[list[Bar], int]:
    """Return bins of equal width over 0..1, and the highest count. A bin with a threshold inside is split by triage."""
    counts: list[Counter[str]] = [Counter() for _ in range(BINS)]
    for probability in probabilities:
        triage = "indeterminate"
        if probability < rule_out:
            triage = "likely_normal"
        elif probability >= rule_in:
            triage = "likely_pneumonia"
        counts[min(int(probability * BINS), BINS - 1)][triage] += 1
    tallest = max(count.total() for count in counts)
    return [_bar(index, count, max(tallest, 1)) for index, count in enumerate(counts)], tallest


def _bar(index: int, count: Counter[str], tallest: int) -> Bar:
    parts = []
    top = 100.0
    for triage in WORDS:
        height = 100.0 * count[triage] / tallest
        if height:
            top -= height
            parts.append((triage, round(top, 3), round(height, 3)))
    width = 100.0 / BINS
    title = f"{count.total()} between {index / BINS:.0%} and {(index + 1) / BINS:.0%}"
    return Bar(index * width, width, parts, title)


def thumbnail_side(images: int) -> int:
    """Return the pixels of the longer side of an image in a page of `images` images."""
    return next((side for most, side in SIDES if images <= most), SMALLEST_SIDE)


def image_thumbnail(data: bytes, limits: Limits, side: int) -> str:
    """Return a thumbnail of an image as a data: URL. Raises the errors of `decode`."""
    return _thumbnail(decode(data, limits).pixels, side)


def heatmap_thumbnail(png: bytes, side: int) -> str:
    """Return a thumbnail of a heatmap as a data: URL."""
    with Image.open(io.BytesIO(png)) as overlay:
        # Cut off the legend of the heatmap: it would be too small to read, and the page has its own legend.
        return _thumbnail(overlay.crop((0, 0, overlay.width, overlay.height - LEGEND_HEIGHT)), side)


def _row(outcome: Outcome, heatmap_file: str, limits: Limits, side: int) -> Row:
    assert outcome.result is not None  # noqa: S101 - for the type checker
    assert outcome.heatmap_png is not None  # noqa: S101
    image = image_thumbnail(outcome.image.path.read_bytes(), limits, side)
    return Row(outcome.image.name, image, heatmap_thumbnail(outcome.heatmap_png, side), heatmap_file, outcome.result)


def _thumbnail(image: Image.Image, side: int) -> str:
    """Return a data: URL in WebP, because a page of hundreds of images must be small enough to open and to send."""
    small = image.copy()
    small.thumbnail((side, side))
    stream = io.BytesIO()
    small.save(stream, "WEBP", quality=78)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
