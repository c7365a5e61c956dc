"""Score the held-out test split through the serving code and write figures, plots and the model card.

    python -m training.evaluate --data DATA --adults ADULTS --float32 runs/float32

``DATA/test`` holds NORMAL/ and PNEUMONIA/ and is read by this command alone, after every choice was made on
validation. ``ADULTS`` (optional) holds LUNG_OPACITY/, NORMAL/ and NOT_NORMAL_NO_OPACITY/. With
``--float32`` the same networks before their quantisation are scored, too: what int8 costs. Written are the figures in
``card.json``, ``plots/`` and ``MODEL_CARD.md``.
"""

import argparse
import json
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from pneumonia.decode.dispatch import decode
from pneumonia.decode.limits import Limits
from pneumonia.predictor import Predictor
from pneumonia.settings import Settings
from training import data, gate_check, heatmap_check, metrics, model_card, plots, precision_check
from training.scoring import Scores, Server

Array = NDArray[np.float64]

# Published on the same 624 films: (sensitivity, specificity, accuracy, AUC).
PEERS: dict[str, dict[str, float | None]] = {
    "origin": {"sensitivity": 0.969, "specificity": 0.538, "accuracy": 0.808, "auc": None},
    "Kermany 2018": {"sensitivity": 0.932, "specificity": 0.901, "accuracy": 0.928, "auc": 0.968},
}
HEATMAP_FILMS = 390


def rounded(interval: metrics.Interval) -> list[float]:
    return [round(interval.value, 4), round(interval.low, 4), round(interval.high, 4)]


def triage_table(y: Array, triage: list[str]) -> dict[str, dict[str, int]]:
    """Films and true classes in each triage answer."""
    answers = np.array(triage)
    return {
        name: {
            "normal": int(np.sum((answers == name) & (y == 0))),
            "pneumonia": int(np.sum((answers == name) & (y == 1))),
        }
        for name in ("likely_normal", "indeterminate", "likely_pneumonia")
    }


def figures_of(films: list[data.Film], y: Array, scores: Scores, points: dict[str, float]) -> dict[str, Any]:
    """Headline figures with intervals, confusion matrix, operating points, triage, and each kind apart."""
    p, t = scores.probability, points["balanced"]
    kinds = np.array([film.kind for film in films])
    return {
        "films": len(films),
        "patients": len({film.group for film in films}),
        "threshold": t,
        **{name: rounded(value) for name, value in metrics.summary(y, p, t, [f.group for f in films]).items()},
        "confusion": metrics.confusion(y, p, t),
        "operating_points": {
            name: {
                "sensitivity": round(metrics.sensitivity(y, p, threshold), 4),
                "specificity": round(metrics.specificity(y, p, threshold), 4),
            }
            for name, threshold in points.items()
        },
        "triage": triage_table(y, scores.triage),
        "sensitivity_by_kind": {
            kind: {
                "films": int((kinds == kind).sum()),
                "sensitivity": round(float((p[kinds == kind] >= t).mean()), 4),
            }
            for kind in ("bacteria", "virus")
            if (kinds == kind).any()
        },
    }


def adult_figures(folder: Path, server: Server, limits: Limits, points: dict[str, float]) -> dict[str, Any]:
    """Opacity against normal, and against the hard negatives, on films of adults."""
    p = {}
    for name in ("LUNG_OPACITY", "NORMAL", "NOT_NORMAL_NO_OPACITY"):
        paths = sorted((folder / name).iterdir())
        p[name] = server.score_files(paths, f"Adults, {name.lower()}", limits).probability

    def against(*negatives: str) -> metrics.Interval:
        groups = [p["LUNG_OPACITY"], *(p[name] for name in negatives)]
        y = np.concatenate([np.ones(len(groups[0])), np.zeros(sum(map(len, groups[1:])))])
        scores = np.concatenate(groups)
        return metrics.bootstrap(metrics.auc, y, scores, [str(k) for k in range(len(y))])

    return {
        "films": {name.lower(): len(values) for name, values in p.items()},
        "auc_opacity_against_normal": rounded(against("NORMAL")),
        "auc_opacity_against_all_others": rounded(against("NORMAL", "NOT_NORMAL_NO_OPACITY")),
        "sensitivity": round(float((p["LUNG_OPACITY"] >= points["balanced"]).mean()), 4),
        "specificity_normal": round(float((p["NORMAL"] < points["balanced"]).mean()), 4),
    }


def heatmap_figures(paths: list[Path], server: Server, artifacts: Path, limits: Limits) -> dict[str, Any]:
    """The heatmap measurements, on the positives at ``paths``."""
    films = [decode(path.read_bytes(), limits, server.model.enough).pixels for path in paths]
    with tempfile.TemporaryDirectory() as scratch:
        document = json.loads((artifacts / "card.json").read_text())
        for entry in document["members"]:
            entry["sha256"] = heatmap_check.randomised(artifacts / entry["file"], Path(scratch) / entry["file"])
        (Path(scratch) / "card.json").write_text(json.dumps(document))
        measured = heatmap_check.measure(server, Server.load(Path(scratch)), films)
    return {k: round(v, 4) if isinstance(v, float) else v for k, v in asdict(measured).items()}


def write_plots(y: Array, p: Array, test: dict[str, Any], points: dict[str, float], folder: Path) -> None:
    folder.mkdir(exist_ok=True)
    peers = {name: (row["sensitivity"] or 0.0, row["specificity"] or 0.0) for name, row in PEERS.items()}
    plots.roc(y, p, points, peers, folder / "roc.png")
    plots.calibration(y, p, folder / "calibration.png")
    plots.thresholds(y, p, points, folder / "thresholds.png")
    plots.scores(y, p, points, folder / "scores.png")
    plots.confusion(test["confusion"], folder / "confusion.png")


def show(test: dict[str, Any], console: Console) -> None:
    """Ours beside what was published on the same films."""
    table = Table(title=f"Test split, {test['films']} films, threshold {test['threshold']:.3f}")
    for name in ("", *PEERS, "this model (95% interval)"):
        table.add_column(name, justify="right" if name else "left")
    for key, title in model_card.HEADLINE.items():
        published = [row.get(key) for row in PEERS.values()]
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
    parser.add_argument("--others", type=Path, help="the unlabelled films that the gate was fitted with")
    parser.add_argument("--not-films", type=Path, help="folders of pictures that are no chest X-rays")
    parser.add_argument("--float32", type=Path, help="what `make export` made of the same runs: what int8 costs")
    parser.add_argument("--artifacts", type=Path, default=Path("model_artifacts"), help="default: %(default)s")
    parser.add_argument("--skip-heatmaps", action="store_true", help="leave the occlusion test out (minutes)")
    args = parser.parse_args(argv)
    console = Console()
    limits = Settings.from_env({"MODEL_DIR": str(args.artifacts)}).limits
    server = Server.load(args.artifacts)
    points = asdict(server.card.operating_points)
    films = data.scan(args.data / "test")
    paths = [film.path for film in films]
    y = data.labels(films).astype(np.float64)
    scores = server.score_files(paths, "Test split", limits)
    test = figures_of(films, y, scores, points)
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
        document["metrics"]["adults"] = adult_figures(args.adults, server, limits, points)
        console.print("adults", document["metrics"]["adults"])
    if not args.skip_heatmaps:
        positives = [film.path for film in films if film.label == 1][:HEATMAP_FILMS]
        document["metrics"]["heatmap"] = heatmap_figures(positives, server, args.artifacts, limits)
        console.print("heatmaps", document["metrics"]["heatmap"])
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
    (args.artifacts / "MODEL_CARD.md").write_text(model_card.render(document, PEERS))
    console.print(f"wrote {args.artifacts}/card.json, MODEL_CARD.md and plots/")


if __name__ == "__main__":
    main()
