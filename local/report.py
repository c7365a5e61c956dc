"""One HTML file with every film, its heatmap and its result; needs nothing but a browser."""

import base64
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image

from local.images import ImageFile
from local.outcome import Outcome, by_status
from local.tables import WORDS, percent
from pneumonia.card import Card
from pneumonia.decode import Limits, decode
from pneumonia.heatmap import INFERNO, LEGEND_HEIGHT

THUMBNAIL_SIDE = 256
BINS = 20


@dataclass(frozen=True)
class Row:
    """A predicted image as the page shows it."""

    name: str
    film: str
    heatmap: str
    heatmap_file: str
    result: dict[str, Any]


@dataclass(frozen=True)
class Bar:
    """One bin of the histogram, as rectangles over each other: (triage, y, height) in percent of the plot."""

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
    """The page. Every text from outside is escaped by the template engine.

    `heatmap_files`: where each heatmap lies at full size, relative to the page; only linked, not needed.
    """
    predicted = by_status(outcomes, "predicted")
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    environment.filters["percent"] = percent
    environment.filters["capfirst"] = lambda text: text[:1].upper() + text[1:]
    points = card.operating_points
    bars, tallest = histogram([outcome.probability for outcome in predicted], points.rule_out, points.rule_in)
    return environment.get_template("report.html.j2").render(
        card=card.document,
        identity=card.identity(),
        notice=card.notice,
        points=points,
        words=WORDS,
        counts=Counter(outcome.result["triage"] for outcome in predicted if outcome.result),
        total=len(outcomes),
        rows=[_row(outcome, heatmap_files[outcome.image], limits) for outcome in predicted],
        rejected=by_status(outcomes, "rejected"),
        missing=by_status(outcomes, "missing"),
        bars=bars,
        tallest=tallest,
        gradient=", ".join(f"rgb({int(r)} {int(g)} {int(b)})" for r, g, b in INFERNO),
        made=made.strftime("%Y-%m-%d %H:%M"),
    )


def histogram(probabilities: Sequence[float], rule_out: float, rule_in: float) -> tuple[list[Bar], int]:
    """Bins of equal width over 0..1, split by triage where a threshold lies within a bin; and the tallest count."""
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


def _row(outcome: Outcome, heatmap_file: str, limits: Limits) -> Row:
    assert outcome.result is not None  # noqa: S101 - for the type checker
    assert outcome.heatmap_png is not None  # noqa: S101
    film = decode(outcome.image.path.read_bytes(), limits).pixels
    with Image.open(io.BytesIO(outcome.heatmap_png)) as overlay:
        # Its legend would be too small to read here: the page has its own.
        heatmap = overlay.crop((0, 0, overlay.width, overlay.height - LEGEND_HEIGHT))
    return Row(outcome.image.name, _thumbnail(film), _thumbnail(heatmap), heatmap_file, outcome.result)


def _thumbnail(image: Image.Image) -> str:
    """A data: URL. WebP, because a page of hundreds of films has to stay small enough to open and to send."""
    small = image.copy()
    small.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE))
    stream = io.BytesIO()
    small.save(stream, "WEBP", quality=78)
    return "data:image/webp;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
