"""Score the test split with the serving code and write figures, plots and the model card.

    python -m training.evaluate --data DATA --lungs LUNGS.npz --adults ADULTS --boxes BOXES.csv --float32 runs/float32

``DATA/test`` holds NORMAL/ and PNEUMONIA/. Only this command reads it, after every choice was made on validation.
``ADULTS`` (optional) holds LUNG_OPACITY/, NORMAL/ and NOT_NORMAL_NO_OPACITY/. ``BOXES.csv`` holds the boxes that
radiologists drew on the images of adults. ``--float32`` names the same networks before quantisation, which are also
scored, to measure the loss from int8. The command writes the figures into ``card.json``, ``plots/`` and
``MODEL_CARD.md``.
"""

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.table import Table

from pneumonia.decode.dispatch import decode
from pneumonia.decode.limits import Limits
from pneumonia.predictor import Predictor
from pneumonia.settings import Settings
from training import data, feed, fold_scores, gate_check, heatmap_check, metrics, model_card, plots, precision_check
from training.scoring import Scores, Server

Array = NDArray[np.float64]

HEATMAP_IMAGES = 390
ENLARGED = 1792
SIZE_IMAGES = 100


def rounded(interval: metrics.Interval) -> list[float]:
    return [metrics.rounded(interval.value), metrics.rounded(interval.low), metrics.rounded(interval.high)]


def triage_table(y: Array, triage: list[str]) -> dict[str, dict[str, int]]:
    """Count the images of each triage band by true class."""
    answers = np.array(triage)
    return {
        name: {
            "normal": int(np.sum((answers == name) & (y == 0))),
            "pneumonia": int(np.sum((answers == name) & (y == 1))),
        }
        for name in ("likely_normal", "indeterminate", "likely_pneumonia")
    }


def figures_of(images: list[data.LabelledImage], y: Array, scores: Scores, points: dict[str, float]) -> dict[str, Any]:
    """Return main figures with intervals, confusion matrix, operating points, triage, and sensitivity by kind."""
    p, t = scores.probability, points["balanced"]
    kinds = np.array([image.kind for image in images])
    return {
        "films": len(images),
        "patients": len({image.group for image in images}),
        "threshold": t,
        **{name: rounded(value) for name, value in metrics.summary(y, p, t, [f.group for f in images]).items()},
        "confusion": metrics.confusion(y, p, t),
        "operating_points": {
            name: {
                "sensitivity": metrics.rounded(metrics.sensitivity(y, p, threshold)),
                "specificity": metrics.rounded(metrics.specificity(y, p, threshold)),
            }
            for name, threshold in points.items()
        },
        "triage": triage_table(y, scores.triage),
        "sensitivity_by_kind": {
            kind: {
                "films": int((kinds == kind).sum()),
                "sensitivity": metrics.rounded(float((p[kinds == kind] >= t).mean())),
            }
            for kind in ("bacteria", "virus")
            if (kinds == kind).any()
        },
    }


def adult_figures(
    folder: Path, server: Server, limits: Limits, points: dict[str, float], boxes: Path | None
) -> dict[str, Any]:
    """Return the figures on adults: opacity against normal and against all others, and the place of the most heat."""
    p, located = {}, {}
    drawn = heatmap_check.read_boxes(boxes) if boxes else {}
    for name in ("LUNG_OPACITY", "NORMAL", "NOT_NORMAL_NO_OPACITY"):
        paths = sorted((folder / name).iterdir())
        scores = server.score_files(paths, f"Adults, {name.lower()}", limits)
        p[name] = scores.probability
        known = [k for k, path in enumerate(paths) if path.name in drawn]
        if known:
            located = heatmap_check.in_boxes(scores.maps[known], [drawn[paths[k].name] for k in known])

    def against(*negatives: str) -> metrics.Interval:
        groups = [p["LUNG_OPACITY"], *(p[name] for name in negatives)]
        y = np.concatenate([np.ones(len(groups[0])), np.zeros(sum(map(len, groups[1:])))])
        scores = np.concatenate(groups)
        return metrics.bootstrap(metrics.auc, y, scores, [str(k) for k in range(len(y))])

    return {
        "films": {name.lower(): len(values) for name, values in p.items()},
        "auc_opacity_against_normal": rounded(against("NORMAL")),
        "auc_opacity_against_all_others": rounded(against("NORMAL", "NOT_NORMAL_NO_OPACITY")),
        "sensitivity": metrics.rounded(float((p["LUNG_OPACITY"] >= points["balanced"]).mean())),
        "specificity_normal": metrics.rounded(float((p["NORMAL"] < points["balanced"]).mean())),
        **({"boxes": rounded_values(located)} if located else {}),
    }


def heatmap_figures(
    paths: list[Path], server: Server, artifacts: Path, limits: Limits, lungs: Path | None
) -> dict[str, Any]:
    """Measure the heatmap on the pneumonia images at ``paths``. ``lungs``: lung masks by file name."""
    images = [decode(path.read_bytes(), limits, server.model.enough).pixels for path in paths]
    with tempfile.TemporaryDirectory() as scratch:
        document = json.loads((artifacts / "card.json").read_text())
        for entry in document["members"]:
            entry["sha256"] = heatmap_check.randomised(artifacts / entry["file"], Path(scratch) / entry["file"])
        (Path(scratch) / "card.json").write_text(json.dumps(document))
        measured = heatmap_check.measure(server, Server.load(Path(scratch)), images)
    figures = rounded_values(asdict(measured))
    masks, known = feed.lung_masks([path.name for path in paths], lungs)
    if known.any():
        shown = np.flatnonzero(known)
        maps = server.score([images[k] for k in shown]).maps
        figures["lungs"] = {"films": len(shown), **rounded_values(fold_scores.in_lungs(maps, masks[shown]))}
    return figures


def size_figures(paths: list[Path], server: Server, limits: Limits, threshold: float) -> dict[str, Any]:
    """Measure how much the probability changes when images are enlarged to the size of a radiograph.

    The stored images are 224 x 224. The originals are not available, so the images are enlarged (bicubic).
    """
    images = [decode(path.read_bytes(), limits, server.model.enough).pixels for path in paths]
    large = [image.resize((ENLARGED, ENLARGED), Image.Resampling.BICUBIC) for image in images]
    before, after = server.score(images).probability, server.score(large).probability
    gap = np.abs(after - before)
    return {
        "films": len(images),
        "enlarged_to": ENLARGED,
        "mean_difference": metrics.rounded(float(gap.mean())),
        "largest_difference": metrics.rounded(float(gap.max())),
        "labels_changed": int(np.sum((before >= threshold) != (after >= threshold))),
    }


def rounded_values(figures: dict[str, Any]) -> dict[str, Any]:
    return {name: metrics.rounded(value) if isinstance(value, float) else value for name, value in figures.items()}


def write_plots(y: Array, p: Array, test: dict[str, Any], points: dict[str, float], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    peers = {name: (row["sensitivity"] or 0.0, row["specificity"] or 0.0) for name, row in model_card.PEERS.items()}
    plots.roc(y, p, points, peers, folder / "roc.png")
    plots.calibration(y, p, folder / "calibration.png")
    plots.thresholds(y, p, points, folder / "thresholds.png")
    plots.scores(y, p, points, folder / "scores.png")
    plots.confusion(test["confusion"], folder / "confusion.png")


def show(test: dict[str, Any], console: Console) -> None:
    """Print the figures next to the figures that others published for the same images."""
    table = Table(title=f"Test split, {test['films']} images, threshold {test['threshold']:.3f}")
    for name in ("", *model_card.PEERS, "this model (95% interval)"):
        table.add_column(name, justify="right" if name else "left")
    for key, title in model_card.HEADLINE.items():
        published = [row.get(key) for row in model_card.PEERS.values()]
        cells = ["-" if value is None else f"{value:.3f}" for value in published]
        table.add_row(title, *cells, model_card.with_interval(test[key]))
    console.print(table)
    counts = test["confusion"]
    console.print(
        f"TN {counts['tn']}  FP {counts['fp']}  FN {counts['fn']}  TP {counts['tp']}   triage {test['triage']}"
    )


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with test/NORMAL and test/PNEUMONIA")
    parser.add_argument("--adults", type=Path, help="folder with LUNG_OPACITY, NORMAL, NOT_NORMAL_NO_OPACITY")
    parser.add_argument("--boxes", type=Path, help="CSV of boxes on the adults' opacities: file, x, y, width, height")
    parser.add_argument("--lungs", type=Path, help=".npz with names and lung masks of the test images")
    parser.add_argument("--others", type=Path, help="the unlabelled images that the gate was fitted with")
    parser.add_argument("--not-films", type=Path, help="folders of images that are not chest X-rays")
    parser.add_argument("--float32", type=Path, help="float32 export of the same runs (make export), for comparison")
    parser.add_argument("--artifacts", type=Path, default=Path("model_artifacts"), help="default: %(default)s")
    parser.add_argument("--skip-heatmaps", action="store_true", help="skip the occlusion test, which takes minutes")
    args = parser.parse_args(argv)
    console = Console()
    limits = Settings.from_env({"MODEL_DIR": str(args.artifacts)}).limits
    server = Server.load(args.artifacts)
    points = server.card.operating_points._asdict()
    images = data.scan(args.data / "test")
    paths = [image.path for image in images]
    y = data.labels(images).astype(np.float64)
    scores = server.score_files(paths, "Test split", limits)
    test = figures_of(images, y, scores, points)
    show(test, console)
    document = json.loads((args.artifacts / "card.json").read_text())
    document["metrics"]["test"] = test
    if args.float32:
        whole = Server.load(args.float32)
        others = whole.score_files(paths, "The same in float32", limits)
        thresholds = (points["balanced"], whole.card.operating_points.balanced)
        document["metrics"]["precision"] = asdict(precision_check.compare(y, scores, others, thresholds))
        console.print("float32", document["metrics"]["precision"])
    if args.adults:
        document["metrics"]["adults"] = adult_figures(args.adults, server, limits, points, args.boxes)
        console.print("adults", document["metrics"]["adults"])
    if not args.skip_heatmaps:
        positives = [image.path for image in images if image.label == 1][:HEATMAP_IMAGES]
        document["metrics"]["heatmap"] = heatmap_figures(positives, server, args.artifacts, limits, args.lungs)
        console.print("heatmaps", document["metrics"]["heatmap"])
    document["metrics"]["sizes"] = size_figures(
        paths[:: max(1, len(paths) // SIZE_IMAGES)], server, limits, points["balanced"]
    )
    console.print("sizes", document["metrics"]["sizes"])
    if server.card.gate is not None:
        document["metrics"]["gate"] = gate_check.measure(
            Predictor(server.card, server.model, args.artifacts, limits),
            paths,
            args.others,
            args.adults,
            args.not_films,
        )
        console.print("gate", document["metrics"]["gate"])
    (args.artifacts / "card.json").write_text(json.dumps(document, indent=2) + "\n")
    write_plots(y, scores.probability, test, points, args.artifacts / "plots")
    (args.artifacts / "MODEL_CARD.md").write_text(model_card.render(document))
    console.print(f"wrote {args.artifacts}/card.json, MODEL_CARD.md and plots/")


if __name__ == "__main__":
    main()
