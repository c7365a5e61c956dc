"""Draw plots of the results, as SVG."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from bench.rows import mean_ms

OURS, HEATMAP, ORIGIN, FLOOR = "#2a6f97", "#e09f3e", "#bc4749", "#8d99ae"


def draw(results: dict[str, Any], folder: Path) -> None:
    """Draw one plot of warm requests and one of memory sizes. A plot without measurements is left out."""
    folder.mkdir(parents=True, exist_ok=True)
    if process := results.get("process"):
        _warm(process, folder / "warm.svg")
    if container := results.get("container"):
        _sizes(container["by_cpus"], folder / "sizes.svg")


def _warm(found: dict[str, Any], path: Path) -> None:
    names = ["jpeg_224", "png_1024", "jpeg_2000"]
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    bars = (
        ("origin_over_ours", "origin", ORIGIN, "origin"),
        ("heatmap_api", "handler_heatmap", HEATMAP, "this service with heatmap"),
        ("origin_over_ours", "handler", OURS, "this service"),
        ("over_bare", "bare", FLOOR, "its model alone"),
    )
    for place, (pair, key, colour, label) in enumerate(bars):
        spreads = [found[name][pair]["ms"][key] for name in names]
        medians = [spread["median"] for spread in spreads]
        error = [
            [spread["median"] - spread["low"] for spread in spreads],
            [spread["high"] - spread["median"] for spread in spreads],
        ]
        where = [k + 0.2 * (place - 1.5) for k in range(len(names))]
        axes.bar(where, medians, 0.18, yerr=error, color=colour, label=label)
    axes.set_xticks(range(len(names)), [found[name]["film"] for name in names])
    axes.set_ylabel("ms, warm")
    figure.legend(loc="outside upper center", ncols=4, frameon=False)
    _save(figure, path)


def _sizes(by_cpus: dict[str, Any], path: Path) -> None:
    points = sorted((float(cpus), mean_ms(entry), entry["usd_per_thousand"]) for cpus, entry in by_cpus.items())
    figure = Figure(figsize=(7, 3), layout="constrained")
    axes = figure.subplots()
    axes.plot([cpus for cpus, _, _ in points], [ms for _, ms, _ in points], "o-", color=OURS)
    axes.set(xlabel="vCPU", ylabel="ms, warm", ylim=(0, 1.1 * max(ms for _, ms, _ in points)))
    dear = axes.twinx()
    dear.plot([cpus for cpus, _, _ in points], [usd for _, _, usd in points], "s--", color=ORIGIN)
    dear.set(ylabel="USD per 1,000 (dashed)", ylim=(0, 1.1 * max(usd for _, _, usd in points)))
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    with mpl.rc_context({"svg.hashsalt": "bench"}):  # makes the file identical for identical results
        figure.savefig(path, metadata={"Date": None})
