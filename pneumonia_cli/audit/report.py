"""Render the report of an audit as one self-contained HTML file."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from pneumonia_cli.audit import figures
from pneumonia_cli.audit.compare import Comparison
from pneumonia_cli.audit.figures import Interval
from pneumonia_cli.audit.labels import Labels
from pneumonia_cli.audit.measure import SUGGESTED_SENSITIVITY, Audit
from pneumonia_cli.reporting.verdict import WORDS, percent, share_words

POINTS = {
    "rule_in": "likely pneumonia (rule in)",
    "balanced": "label pneumonia (balanced)",
    "rule_out": "not likely normal (rule out)",
}
"""The operating points in words. Each text names the results that count as pneumonia at this point."""

_PLACES = 3


@dataclass(frozen=True)
class Dot:
    """A bin of the calibration plot with `count` images. Positions are in percent of the sides of the plot."""

    x: float
    y: float
    radius: float
    count: int


def render(labels: Labels, audits: Sequence[Audit], comparison: Comparison | None, made: datetime) -> str:
    """Return the page. `audits`: the audit of the model in use and, for a comparison, the audit of the other model.

    The template engine escapes all untrusted text.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined
    )
    environment.filters |= {
        "percent": percent,
        "share": share_words,
        "interval": interval_words,
        "shares": share_interval_words,
        "roc": roc_path,
        "dots": calibration_dots,
    }
    return environment.get_template("audit.html.j2").render(
        labels=labels,
        audits=audits,
        comparison=comparison,
        points=POINTS,
        words=WORDS,
        target=SUGGESTED_SENSITIVITY,
        made=made.strftime("%Y-%m-%d %H:%M"),
    )


def interval_words(interval: Interval) -> str:
    """Return a figure such as "0.912 (0.871-0.950)"."""
    if np.isnan(interval.value):
        return "not available"
    return f"{interval.value:.{_PLACES}f} ({interval.low:.{_PLACES}f}-{interval.high:.{_PLACES}f})"


def share_interval_words(interval: Interval) -> str:
    """Return a share such as "91.2% (87.1-95.0)"."""
    if np.isnan(interval.value):
        return "not available"
    return f"{interval.value:.1%} ({100 * interval.low:.1f}-{100 * interval.high:.1f})"


def roc_path(audit: Audit) -> str:
    """Return the ROC curve as the points of an SVG polyline in a square with sides of 100."""
    steps = figures.roc(audit.scores.y, audit.scores.p)
    return " ".join(f"{100 * x:.2f},{100 - 100 * y:.2f}" for x, y in steps)


def calibration_dots(audit: Audit) -> list[Dot]:
    """Return the bins of the calibration plot, with probabilities for the share of pneumonia among these images."""
    bins = figures.calibration_bins(audit.scores.y, audit.local)
    most = max(count for _, _, count in bins)
    return [
        Dot(round(100 * mean, 2), round(100 - 100 * share, 2), round(1.2 + 3 * (count / most) ** 0.5, 2), count)
        for mean, share, count in bins
    ]
