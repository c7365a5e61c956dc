"""`make dashboard-picture`: what the dashboard of the synthesised template looks like, with made-up data.

Title, place, lines and limits of each graph are read from the template; only the values are invented
(tools/sample_metrics.py). CloudWatch draws it a little differently.
"""

import argparse
import io
import json
import re
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from tools import sample_metrics
from tools.metric_math import Array, evaluate
from tools.sample_metrics import DAY_HOURS, Metric

TITLE: Final = "Layout of the dashboard, as in the template. All data are made up."

LAYOUT: Final = "Layout"
"""Name of the text in the PNG that says which layout it shows."""

_UNIT_INCHES: Final = (0.5, 0.36)  # one of the 24 columns, one row
_HEAD_INCHES: Final = 0.45
_GAP: Final = 0.09  # inches between two widgets
_DPI: Final = 100
_COLOURS: Final = 64  # of the PNG: enough for lines and letters, and a third of the size
_PERIOD: Final = 300
_CODE: Final = "${PROP('Dim.Code')}"  # in a label: what CloudWatch fills in
_LONG_LABEL: Final = 20  # characters
_GREY: Final = "#687078"
_OK: Final = "#1d8102"


@dataclass(frozen=True)
class Line:
    """One line of a graph. `band`: half its width where it is the band around a line."""

    label: str
    values: Array
    colour: str | None = None
    band: float | None = None


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the picture; answers the exit code."""
    parser = argparse.ArgumentParser(prog="make dashboard-picture", description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--template", type=Path, default=Path("cdk.out/PneumoniaInference.template.json"))
    parser.add_argument("--out", type=Path, default=Path("docs/images/dashboard.png"))
    arguments = parser.parse_args(argv)
    widgets = read_widgets(json.loads(arguments.template.read_text(encoding="utf-8")))
    arguments.out.write_bytes(draw(widgets))
    print(f"{arguments.out}: {len(widgets)} widgets, {arguments.out.stat().st_size // 1000} kB")
    return 0


def read_widgets(template: dict[str, Any]) -> list[dict[str, Any]]:
    """The widgets of the template's dashboard; a reference to a resource becomes its logical id in brackets."""
    kind = "AWS::CloudWatch::Dashboard"
    (dashboard,) = (part for part in template["Resources"].values() if part["Type"] == kind)
    separator, parts = dashboard["Properties"]["DashboardBody"]["Fn::Join"]
    text = separator.join(part if isinstance(part, str) else f"<{_target(part)}>" for part in parts)
    widgets: list[dict[str, Any]] = json.loads(text)["widgets"]
    return widgets


def draw(widgets: list[dict[str, Any]]) -> bytes:
    """A PNG."""
    rows = max(widget["y"] + widget["height"] for widget in widgets)
    width, height = 24 * _UNIT_INCHES[0], rows * _UNIT_INCHES[1] + _HEAD_INCHES
    with matplotlib.rc_context({"font.size": 7, "font.family": "DejaVu Sans", "axes.edgecolor": "#d5dbdb"}):
        figure = Figure(figsize=(width, height), dpi=_DPI, facecolor="#f2f3f3")
        figure.text(0.5, 1 - _HEAD_INCHES / 2 / height, TITLE, ha="center", va="center", size=12, color="#b7472a")
        for widget in widgets:
            _draw_widget(figure, widget, width, height)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=_DPI)  # whatever the process has set for its own
    picture = io.BytesIO()
    with Image.open(stream) as image:
        known = PngInfo()
        known.add_text(LAYOUT, layout(widgets))
        small = image.convert("RGB").quantize(_COLOURS, dither=Image.Dither.NONE)
        small.save(picture, "PNG", optimize=True, pnginfo=known)
    return picture.getvalue()


def layout(widgets: list[dict[str, Any]]) -> str:
    """Titles and places of the graphs, by which a picture is known to be out of date."""
    graphs = sorted(
        (widget["y"], widget["x"], widget["width"], widget["properties"]["title"])
        for widget in widgets
        if widget["type"] == "metric"
    )
    return json.dumps(graphs)


def _draw_widget(figure: Figure, widget: dict[str, Any], width: float, height: float) -> None:
    x, w = widget["x"] * _UNIT_INCHES[0] + _GAP / 2, widget["width"] * _UNIT_INCHES[0] - _GAP
    h = widget["height"] * _UNIT_INCHES[1] - _GAP
    y = height - _HEAD_INCHES - widget["y"] * _UNIT_INCHES[1] - h - _GAP / 2
    card = figure.add_axes((x / width, y / height, w / width, h / height), facecolor="white")
    card.set(xticks=[], yticks=[], xlim=(0, w), ylim=(0, h))
    properties = widget["properties"]
    card.text(0.1, h - 0.18, properties.get("title", ""), size=8, weight="bold", va="center")
    if widget["type"] == "text":
        _draw_text(card, properties["markdown"], w, h)
    elif widget["type"] == "alarm":
        _draw_alarms(card, properties["alarms"], w, h)
    elif properties["view"] == "singleValue":
        (line,) = lines_of(properties)
        card.text(w / 2, h * 0.5, f"{line.values[-1]:.2f}", size=26, ha="center", va="center")
        card.text(w / 2, h * 0.28, line.label, ha="center", color=_GREY)
    else:
        bars = properties["view"] == "bar"
        foot = 0.24 if bars else 0.5
        place = ((x + 0.38) / width, (y + foot) / height)
        size = ((w - 0.52) / width, (h - foot - 0.34) / height)
        axes = figure.add_axes((*place, *size))
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(length=2, color="#d5dbdb", labelcolor=_GREY, labelsize=6.5)
        axes.grid(axis="y", color="#eaeded", linewidth=0.6)
        axes.set_axisbelow(True)
        (_draw_bars if bars else _draw_lines)(axes, properties)


def lines_of(properties: dict[str, Any]) -> list[Line]:
    """The visible lines of a graph, with sample data."""
    rows = list(_rows(properties["metrics"]))
    hours = DAY_HOURS * 30 if "start" in properties else DAY_HOURS
    metrics = {
        options["id"]: sample_metrics.series(_metric(row, options), hours)
        for row, options in rows
        if row and "id" in options
    }
    found: list[Line] = []
    for row, options in rows:
        label, colour, expression = options.get("label", ""), options.get("color"), options.get("expression")
        if row and options.get("visible", True):
            found.append(Line(label, sample_metrics.series(_metric(row, options), hours), colour))
        elif expression and expression.startswith("SEARCH("):
            function = re.search(r'Function="(\w+)"', expression)
            period = int(expression.removesuffix(")").rpartition(" ")[2])
            by_code = sample_metrics.rejections(function[1] if function else "", hours, period)
            found += [Line(label.replace(_CODE, code), values) for code, values in by_code.items()]
        elif expression and (band := re.fullmatch(r"ANOMALY_DETECTION_BAND\((\w+), (\d+)\)", expression)):
            values = metrics[band[1]]
            middle = np.full(len(values), values.mean())
            found.append(Line(label, middle, colour, band=float(band[2]) * float(values.std())))
        elif expression:
            used = {name: values for name, values in metrics.items() if re.search(rf"\b{name}\b", expression)}
            # A constant has the length of the graph, which any metric of it tells.
            found.append(Line(label, evaluate(expression, used or metrics), colour))
    return found


def _rows(rows: list[list[Any]]) -> Iterator[tuple[list[str], dict[str, Any]]]:
    """The text and the options of each row; an expression has no text."""
    for row in rows:
        yield [part for part in row if isinstance(part, str)], next((p for p in row if isinstance(p, dict)), {})


def _metric(row: list[str], options: dict[str, Any]) -> Metric:
    _, name, *pairs = row
    dimensions = dict(zip(pairs[::2], pairs[1::2], strict=True))
    return Metric(name, _of(dimensions), options.get("stat", "Average"), options.get("period", _PERIOD))


def _of(dimensions: dict[str, str]) -> str:
    """What a metric is of, in the words of tools/sample_metrics.py."""
    parts = {"InferenceApi": "api", "InferenceWorker": "worker", "DeadLetter": "dead", "UploadsQueue": "queue"}
    parts |= {"UploadBucket": "uploads", "ResultBucket": "results"}
    text = " ".join(dimensions.values())
    return dimensions.get("Function") or next((word for part, word in parts.items() if part in text), "account")


def _draw_lines(axes: Axes, properties: dict[str, Any]) -> None:
    lines = lines_of(properties)
    days = len(lines[0].values) > DAY_HOURS * 12
    time = np.linspace(0, 30 if days else DAY_HOURS, len(lines[0].values))
    axes.set_xlim(0, time[-1])
    axes.set_xticks(*(([0, 10, 20, 30], ["-30 d", "-20 d", "-10 d", "now"]) if days else _HOURS_OF_DAY))
    if properties["stacked"]:
        colours = [line.colour for line in lines if line.colour] or None
        axes.stackplot(
            time, [line.values for line in lines], labels=[line.label for line in lines], colors=colours, alpha=0.85
        )
    else:
        for line in lines:
            if line.band is None:
                axes.plot(time, line.values, linewidth=0.9, label=line.label, color=line.colour)
            else:
                low, high = line.values - line.band, line.values + line.band
                axes.fill_between(time, low, high, color=line.colour, alpha=0.2, label=line.label, linewidth=0)
    for limit in properties.get("annotations", {}).get("horizontal", []):
        axes.axhline(limit["value"], color=limit["color"], linewidth=0.9, linestyle="--")
        axes.annotate(
            limit["label"], (0.01, limit["value"]), xycoords=("axes fraction", "data"), color=limit["color"],
            xytext=(0, -7), textcoords="offset points", size=6.5,
        )  # fmt: skip
    limits = properties["yAxis"]["left"]
    axes.set_ylim(limits["min"], limits.get("max"))
    if axes.get_ylim()[1] < 1:
        axes.set_ylim(0, 1)
    long = any(len(line.label) > _LONG_LABEL for line in lines)
    columns = 3 if len(lines) < 4 or axes.bbox.width < 250 or long else 4
    axes.legend(
        loc="upper left", bbox_to_anchor=(-0.07, -0.13), ncols=columns, frameon=False,
        fontsize=5.8, handlelength=0.9, columnspacing=0.7, handletextpad=0.3, labelspacing=0.15, borderpad=0,
    )  # fmt: skip


_HOURS_OF_DAY: Final = ([0, 4, 8, 12, 16, 20, 24], ["08:00", "12:00", "16:00", "20:00", "00:00", "04:00", "08:00"])


def _draw_bars(axes: Axes, properties: dict[str, Any]) -> None:
    rows = list(_rows(properties["metrics"]))
    function = _metric(*rows[0]).of
    axes.bar(range(len(rows)), sample_metrics.histogram(function, len(rows)), color="#1f77b4", width=0.8)
    axes.set_xticks(range(len(rows)), [options["label"][:3] for _, options in rows])


def _draw_text(card: Axes, markdown: str, width: float, height: float) -> None:
    """Paragraphs, with headings larger; other marks are left out."""
    y = height - 0.12
    for block in markdown.replace("**", "").replace("`", "").split("\n"):
        heading = block.startswith("# ")
        size = 12 if heading else 7.5
        for text in textwrap.wrap(block.removeprefix("# "), int(width * (10 if heading else 16.5))) or [""]:
            card.text(0.12, y, text, size=size, va="top", weight="bold" if heading else "normal")
            y -= 0.27 if heading else (0.15 if text else 0.07)


def _draw_alarms(card: Axes, references: list[str], width: float, height: float) -> None:
    columns, gap = 5, 0.08
    rows = -(-len(references) // columns)
    w, h = (width - 0.2 - gap * (columns - 1)) / columns, (height - 0.5 - gap * (rows - 1)) / rows
    for index, reference in enumerate(references):
        name = re.sub(r"^<Monitoring|[0-9A-F]{8}>$", "", reference)
        x, y = 0.1 + index % columns * (w + gap), height - 0.4 - h - index // columns * (h + gap)
        card.add_patch(matplotlib.patches.Rectangle((x, y), w, h, facecolor="#f2f8f0", edgecolor=_OK, linewidth=0.7))
        card.text(x + 0.08, y + h / 2, name, va="center", size=7)
        card.text(x + w - 0.08, y + h / 2, "OK", va="center", ha="right", size=7, color=_OK)


def _target(reference: dict[str, Any]) -> str:
    ((kind, target),) = reference.items()
    return str(target if kind == "Ref" else target[0])


if __name__ == "__main__":
    sys.exit(main())
