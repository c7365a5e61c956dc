"""From run folders to ``model_artifacts/``: ONNX members, calibration, operating points, golden input, card.

    python -m training.publish --run runs/xception-176 --version 1.0.0 --data DATA/train --others ADULTS

``--run`` may be given several times: an ensemble, whose first member carries the gate. ``--data`` are the films that
int8 ranges and gate are fitted on, ``--others`` unlabelled chest X-rays of another population. Thresholds and
calibration come from the validation scores in the run folders, where every film was scored, as it is and under other
acquisitions, by a network that never saw its patient.
"""

import argparse
import datetime as dt
import hashlib
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pneumonia.model.card import POSES, Card
from pneumonia.model.sessions import Model
from training import calibrate, data, gate, held_out, metrics, quantise
from training.export import averaged, export

Array = NDArray[np.float64]

GOLDEN_TOLERANCE = 0.05
NOTICE = (
    "Research use only: triage support, never a diagnosis. Trained on chest X-rays of children aged 1-5 from one "
    "hospital; a radiologist must read every film."
)
INTENDED_USE = (
    "Sorting frontal chest X-rays of children aged 1 to 5 for earlier reading, in research. Not a medical device."
)
LIMITS = [
    "Trained on one hospital (Guangzhou) and one population (ages 1-5, AP view): elsewhere the figures do not hold.",
    "Tells pneumonia from normal only; any other disease may be called either.",
    "Probabilities are calibrated for even odds (half of the films with pneumonia), not for the share of a clinic.",
    "Most images that are not chest X-rays are refused and most adults flagged, not all; other views of the chest "
    "may pass as frontal ones.",
]


def validation_metrics(films: calibrate.Validation, folds: Array, threshold: float) -> dict[str, Any]:
    """Cross-validated figures: pooled, the spread of the AUC over the folds, and under other acquisitions."""
    y, p = films.y, films.p
    shifted_folds = np.tile(folds, len(films.shifted_y) // len(folds))
    return {
        "films": len(y),
        "auc": round(metrics.auc(y, p), 4),
        "auc_per_fold": [round(metrics.auc(y[folds == k], p[folds == k]), 4) for k in np.unique(folds)],
        "sensitivity": round(metrics.sensitivity(y, p, threshold), 4),
        "specificity": round(metrics.specificity(y, p, threshold), 4),
        "accuracy": round(metrics.accuracy(y, p, threshold), 4),
        "expected_calibration_error": round(metrics.expected_calibration_error(y, p), 4),
        "shifted": {
            "films": len(films.shifted_y),
            "auc": round(metrics.auc(films.shifted_y, films.shifted_p), 4),
            "auc_per_fold": [
                round(metrics.auc(films.shifted_y[shifted_folds == k], films.shifted_p[shifted_folds == k]), 4)
                for k in np.unique(folds)
            ],
            "sensitivity": round(metrics.sensitivity(films.shifted_y, films.shifted_p, threshold), 4),
            "specificity": round(metrics.specificity(films.shifted_y, films.shifted_p, threshold), 4),
            "expected_calibration_error": round(
                metrics.expected_calibration_error(films.shifted_y, films.shifted_p), 4
            ),
        },
    }


def member(run: Path, out: Path, films: Path | None) -> dict[str, Any]:
    """Export the run's network (``final`` if trained, else the mean of its folds) and describe it for the card.

    With ``films`` its backbone is quantised to int8, with ranges from some of them; without, it stays float32.
    """
    final = run / "final" / "model.keras"
    sources = [final] if final.exists() else sorted(run.glob("fold-*/model.keras"))
    size = json.loads((run / "settings.json").read_text())["size"]
    file = f"{run.name}.onnx" if films is None else f"{run.name}-int8.onnx"
    with tempfile.TemporaryDirectory() as scratch:
        exported = Path(scratch) / "float32.onnx"
        gap = export(averaged(sources), exported)
        if films is None:
            shutil.copyfile(exported, out / file)
        else:
            chosen, _ = quantise.choose(data.merge_duplicates(data.scan(films)), quantise.CALIBRATION_FILMS, 0)
            pixels = data.load_pixels([film.path for film in chosen], size, title="Films for int8 ranges")
            # 7 of 8 bits: without VNNI an AVX2 CPU saturates on 8, and which one Lambda gives is not ours to choose.
            quantise.quantise(exported, out / file, pixels, reduce_range=True)
    print(f"{file}: {(out / file).stat().st_size / 1e6:.1f} MB, float32 within {gap:.1e} of Keras")
    return {
        "file": file,
        "sha256": digest(out / file),
        "input": {"height": size, "width": size, "channels": 1, "dtype": "uint8"},
        "precision": "float32" if films is None else "int8",
        "weight": 1.0,
    }


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def gate_entry(members: list[dict[str, Any]], out: Path, films: Path, others: Path) -> dict[str, Any]:
    """Fit the gate on the first member and attach it to its graph, whose digest in ``members`` is renewed."""
    path = out / members[0]["file"]
    fitted = gate.build(path, films, others)
    members[0]["sha256"] = digest(path)
    return {
        "distance_threshold": fitted.distance_threshold,
        "population_threshold": fitted.population_threshold,
        "poses": list(POSES),
    }


def run_record(run: Path) -> dict[str, Any]:
    """Settings of a run, and which of its folds were trained to the end."""
    finished = sorted(path.parent.name for path in run.glob("*/validation.npz"))
    return {**json.loads((run / "settings.json").read_text()), "finished": finished}


def golden_logit(document: dict[str, Any], folder: Path) -> float:
    """Logit of the golden image as it will be served: the card's members through the serving code."""
    card = Card.from_document(document)
    with Image.open(folder / card.golden.file) as film:
        return Model(card, folder).predict([film.convert("L")])[0].logit


def build_card(
    runs: list[Path],
    out: Path,
    name: str,
    version: str,
    golden: Path,
    *,
    quantised_on: Path | None = None,
    gated_on: tuple[Path, Path] | None = None,
) -> dict[str, Any]:
    """Export every run and assemble the card; writes ONNX files, ``golden.png`` and
    ``validation.csv`` into ``out``.

    ``quantised_on``: training films for int8 ranges. ``gated_on``: training films and films of another population.
    """
    scores, films = held_out.HeldOut.of_runs(runs), held_out.read_films(runs[0])
    calibration = scores.calibration()
    validation = scores.calibrated(calibration)
    points = calibrate.operating_points(validation)
    for stale in out.glob("*.onnx"):
        stale.unlink()
    members = [member(run, out, quantised_on) for run in runs]
    shutil.copyfile(golden, out / "golden.png")
    scores.write(out / held_out.FILE)
    document: dict[str, Any] = {
        "schema_version": 1,
        "name": name,
        "version": version,
        "created": dt.datetime.now(dt.UTC).date().isoformat(),
        "labels": ["normal", "pneumonia"],
        "members": members,
        "scaling": "x / 127.5 - 1, inside the graph",
        "preprocessing": {"resample": "bilinear", "aspect_ratio": "squash"},
        "calibration": {
            "method": "platt",
            "slope": round(calibration.slope, 6),
            "intercept": round(calibration.intercept, 6),
            "prevalence": calibrate.PREVALENCE,
        },
        "operating_points": points,
        "gate": gate_entry(members, out, *gated_on) if gated_on else None,
        "golden": {
            "file": "golden.png",
            "logit": 0.0,  # scored below, once the rest of the card is there to serve it
            "tolerance": GOLDEN_TOLERANCE,
        },
        "intended_use": INTENDED_USE,
        "limits": LIMITS,
        "notice": NOTICE,
        "training": {
            "data": "Kermany et al., Labeled Chest X-Ray Images, train split (CC BY 4.0)",
            "films": len(films),
            "patients": len({film["group"] for film in films}),
            "prevalence": round(float(np.mean([film["label"] for film in films])), 4),
            "runs": {run.name: run_record(run) for run in runs},
        },
        "metrics": {"validation": validation_metrics(validation, scores.folds, points["balanced"]["threshold"])},
    }
    document["golden"]["logit"] = round(golden_logit(document, out), 4)
    return document


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, action="append", required=True, help="run folder of training.train")
    parser.add_argument("--out", type=Path, default=Path("model_artifacts"), help="default: %(default)s")
    parser.add_argument("--name", default="xception-pneumonia", help="default: %(default)s")
    parser.add_argument("--version", required=True, help="semantic version of the model")
    parser.add_argument("--golden", type=Path, default=Path("samples/pneumonia-1.png"), help="default: %(default)s")
    parser.add_argument("--data", type=Path, help="the training films, for int8 ranges and the gate")
    parser.add_argument("--others", type=Path, help="unlabelled chest X-rays of another population, for the gate")
    parser.add_argument("--precision", choices=("int8", "float32"), default="int8", help="default: %(default)s")
    args = parser.parse_args(argv)
    if args.data is None and (args.others or args.precision == "int8"):
        parser.error("int8 and the gate are fitted on the training films: give --data, or --precision float32")
    args.out.mkdir(parents=True, exist_ok=True)
    card = build_card(
        args.run, args.out, args.name, args.version, args.golden,
        quantised_on=args.data if args.precision == "int8" else None,
        gated_on=(args.data, args.others) if args.others else None,
    )  # fmt: skip
    (args.out / "card.json").write_text(json.dumps(card, indent=2) + "\n")
    print(f"{args.out}/card.json: version {card['version']}, validation {card['metrics']['validation']}")


if __name__ == "__main__":
    main()
