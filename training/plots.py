"""Draw the plots of the model card."""

from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

from training import metrics

Array = NDArray[np.float64]

mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "savefig.dpi": 130})
BLUE, ORANGE, GREY = "#2563a8", "#c2571a", "#777777"


def _axes(title: str, xlabel: str, ylabel: str) -> tuple[Figure, Any]:
    figure = Figure(figsize=(4.6, 3.8), layout="constrained")
    axes = figure.add_subplot()
    axes.set(title=title, xlabel=xlabel, ylabel=ylabel)
    return figure, axes


def roc(y: Array, p: Array, points: dict[str, float], peers: dict[str, tuple[float, float]], path: Path) -> None:
    """Plot the ROC curve with the operating points.

    ``peers``: name -> (sensitivity, specificity) of published results.
    """
    figure, axes = _axes("ROC, test split", "1 - specificity", "sensitivity")
    false_positive, true_positive, _ = roc_curve(y, p)
    axes.plot(false_positive, true_positive, color=BLUE, label=f"this model, AUC {metrics.auc(y, p):.3f}")
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=":")
    for marker, (name, t) in zip("v^D", points.items(), strict=False):
        where = 1 - metrics.specificity(y, p, t), metrics.sensitivity(y, p, t)
        axes.plot(*where, marker, color=BLUE, label=name)
    for marker, (name, (sensitivity, specificity)) in zip("xP", peers.items(), strict=False):
        axes.plot(1 - specificity, sensitivity, marker, color=ORANGE, label=name)
    axes.legend(loc="lower right", frameon=False)
    figure.savefig(path)


def calibration(y: Array, p: Array, path: Path) -> None:
    """Plot the observed share of pneumonia against the probability, in bins. The area of a point shows its count."""
    figure, axes = _axes("Calibration, test split", "mean probability in bin", "observed share of pneumonia")
    bins = metrics.calibration_bins(y, p)
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=":")
    axes.plot([b[0] for b in bins], [b[1] for b in bins], color=BLUE, linewidth=0.8)
    axes.scatter([b[0] for b in bins], [b[1] for b in bins], s=[8 + b[2] for b in bins], color=BLUE, alpha=0.5)
    figure.savefig(path)


def thresholds(y: Array, p: Array, points: dict[str, float], path: Path) -> None:
    """Plot sensitivity and specificity against the threshold, with the three operating points."""
    figure, axes = _axes("Thresholds, test split", "threshold on the probability", "share")
    grid = np.linspace(0.001, 0.999, 500)
    axes.plot(grid, [metrics.sensitivity(y, p, t) for t in grid], color=BLUE, label="sensitivity")
    axes.plot(grid, [metrics.specificity(y, p, t) for t in grid], color=ORANGE, label="specificity")
    for name, t in points.items():
        axes.axvline(t, color=GREY, linewidth=0.8, linestyle="--")
        axes.text(t, 0.02, f" {name}", rotation=90, va="bottom", ha="right", color=GREY, fontsize=8)
    axes.legend(loc="center left", frameon=False)
    figure.savefig(path)


def scores(y: Array, p: Array, points: dict[str, float], path: Path) -> None:
    """Plot histograms of the probabilities of both classes, side by side on a logarithmic scale."""
    figure, axes = _axes("Scores, test split", "probability of pneumonia", "images")
    bins = np.linspace(0, 1, 31).tolist()
    axes.hist([p[y == 0], p[y == 1]], bins=bins, color=[ORANGE, BLUE], label=["normal", "pneumonia"])
    for t in points.values():
        axes.axvline(t, color=GREY, linewidth=0.8, linestyle="--")
    axes.set_yscale("log")
    axes.legend(frameon=False)
    figure.savefig(path)


def confusion(counts: dict[str, int], path: Path) -> None:
    """Plot the confusion matrix at the balanced threshold, with its counts."""
    figure, axes = _axes("Confusion matrix, test split", "called", "truth")
    matrix = np.array([[counts["tn"], counts["fp"]], [counts["fn"], counts["tp"]]])
    axes.imshow(matrix / matrix.sum(axis=1, keepdims=True), cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks([0, 1], ["normal", "pneumonia"])
    axes.set_yticks([0, 1], ["normal", "pneumonia"])
    for row in range(2):
        for column in range(2):
            dark = matrix[row, column] > matrix[row].sum() / 2
            axes.text(column, row, str(matrix[row, column]), ha="center", va="center", fontsize=14,
                      color="white" if dark else "black")  # fmt: skip
    figure.savefig(path)
