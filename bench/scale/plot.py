"""Draw the plot of docs/scale.md as SVG: how fast a burst is processed, and how long a million images take."""

from itertools import accumulate
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.scale import study
from bench.scale.inputs import Inputs

COLOURS = ("#8d99ae", "#2a6f97", "#e09f3e", "#bc4749")
_BURST = 10_000
_POINTS = 400


def draw(inputs: Inputs, path: Path) -> None:
    """Draw both panels and write the plot to `path`."""
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    for concurrency, colour in zip((5, 10, 50, 1000), COLOURS, strict=True):
        ends = sorted(study.burst(inputs, _BURST, concurrency).ends)
        done = list(accumulate(images for _, images in ends))
        step = max(1, len(ends) // _POINTS)
        times = [end for end, _ in ends]
        left.plot(times[::step], [_BURST - count for count in done][::step], color=colour, label=f"{concurrency:,}")
    left.set(xscale="log", xlabel="seconds after the uploads", ylabel="images without a result")
    left.set_title(f"{_BURST:,} uploads at once, by maximum concurrency", fontsize=9)
    left.legend(frameon=False, fontsize=8)

    concurrencies = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000)
    hours = [study.archive(inputs, study.MILLION, one).finished / 3600 for one in concurrencies]
    right.plot(concurrencies, hours, "o-", color=COLOURS[1], markersize=3)
    right.set(xscale="log", yscale="log", xlabel="backfill_max_concurrency", ylabel="hours")
    right.set_title("a million images of an archive", fontsize=9)
    right.grid(alpha=0.3)
    path.parent.mkdir(parents=True, exist_ok=True)
    with mpl.rc_context({"svg.hashsalt": "scale"}):  # makes the file identical for identical results
        figure.savefig(path, metadata={"Date": None})
