"""Turn a run folder into ``model_artifacts/``: ONNX graph, calibration, operating points, golden input and card.

    python -m training.publish --run runs/xception-176 --version 1.0.0 --data DATA/train --others ADULTS

``--data`` names the training images, which set the int8 ranges, the scale of the heatmap and the gate. ``--others``
names unlabelled chest X-rays of another population. Thresholds and calibration come from the validation scores in the
run folder. For these, every image was scored by a network that never saw its patient, unchanged and under simulated
acquisitions. The command writes to a temporary folder, which replaces the old model folder at the end. A failure
therefore leaves the old model unchanged.
"""

import argparse
import datetime as dt
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pneumonia.model.card import POSES, PREPROCESSING, SCHEMA_VERSION, Card
from pneumonia.model.sessions import Model
from training import calibrate, data, gate, heat_scale, held_out, metrics, quantise
from training.average import averaged
from training.export import export

Array = NDArray[np.float64]

GOLDEN_TOLERANCE = 0.05
VERSION = r"\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?"
NOTICE = (
    "Research use only: triage support, never a diagnosis. Trained on chest X-rays of children aged 1-5 from one "
    "hospital; a radiologist must read every X-ray."
)
INTENDED_USE = (
    "Sorting frontal chest X-rays of children aged 1 to 5 for earlier reading, in research. Not a medical device."
)
LIMITS = [
    "Trained on one hospital (Guangzhou) and one population (ages 1-5, AP view): the figures do not hold elsewhere.",
    "Distinguishes pneumonia from normal only; another disease can be labelled normal or pneumonia.",
    "Probabilities are calibrated for even odds (half of the images show pneumonia), not for the share at a clinic.",
    "Most images that are not chest X-rays are refused and most adults are flagged, but not all; other views of the "
    "chest may pass as frontal views.",
]


def cut_normals_called_ill(run: Path, calibration: calibrate.Calibration, threshold: float) -> float:
    """Return the share of held-out normal images called pneumonia after a quarter of their height was cut off.

    An image is called pneumonia if its probability is at least ``threshold``. The share is the mean over three cuts: at
    the top, at the bottom and at both ends.
    """
    images, called = held_out.read_records(run), []
    for path in sorted(run.glob("fold-*/cut.npz")):
        index = np.load(path.with_name("validation.npz"))["index"]
        normal = np.array([images[k]["label"] == 0 for k in index])
        called.append(calibration.probability(np.load(path)["logit"][:, normal]).ravel() >= threshold)
    return metrics.rounded(float(np.concatenate(called).mean()))


def validation_metrics(images: calibrate.Validation, folds: Array, threshold: float) -> dict[str, Any]:
    """Return cross-validated figures: over all folds, the AUC of each fold, and under simulated acquisitions."""
    y, p = images.y, images.p
    shifted_folds = np.tile(folds, len(images.shifted_y) // len(folds))
    return {
        "films": len(y),
        "auc": metrics.rounded(metrics.auc(y, p)),
        "auc_per_fold": [metrics.rounded(metrics.auc(y[folds == k], p[folds == k])) for k in np.unique(folds)],
        "sensitivity": metrics.rounded(metrics.sensitivity(y, p, threshold)),
        "specificity": metrics.rounded(metrics.specificity(y, p, threshold)),
        "accuracy": metrics.rounded(metrics.accuracy(y, p, threshold)),
        "expected_calibration_error": metrics.rounded(metrics.expected_calibration_error(y, p)),
        "shifted": {
            "films": len(images.shifted_y),
            "auc": metrics.rounded(metrics.auc(images.shifted_y, images.shifted_p)),
            "auc_per_fold": [
                metrics.rounded(metrics.auc(images.shifted_y[shifted_folds == k], images.shifted_p[shifted_folds == k]))
                for k in np.unique(folds)
            ],
            "sensitivity": metrics.rounded(metrics.sensitivity(images.shifted_y, images.shifted_p, threshold)),
            "specificity": metrics.rounded(metrics.specificity(images.shifted_y, images.shifted_p, threshold)),
            "expected_calibration_error": round(
                metrics.expected_calibration_error(images.shifted_y, images.shifted_p), 4
            ),
        },
    }


def served(run: Path, tuned: Sequence[Path]) -> list[Path]:
    """Return the networks whose mean is served: the final networks of the runs ``tuned``, or the folds of ``run``.

    Raises ``SystemExit`` if one is missing.
    """
    sources = [folder / "final" / "model.keras" for folder in tuned] or sorted(run.glob("fold-*/model.keras"))
    missing = [path.parent.parent for path in sources if not path.exists()] or ([] if sources else [run])
    if missing:
        raise SystemExit(
            f"{missing[0]} holds no finished network. Run the training again: it resumes where it was interrupted."
        )
    return sources


def member(name: str, sources: list[Path], out: Path, images: Path | None) -> dict[str, Any]:
    """Export the mean of ``sources`` and describe it for the card.

    With ``images``, the backbone is quantised to int8, with ranges from some of them. Without them, it stays float32.
    """
    file = f"{name}.onnx" if images is None else f"{name}-int8.onnx"
    with tempfile.TemporaryDirectory() as scratch:
        exported = Path(scratch) / "float32.onnx"
        network = averaged(sources)
        size = int(network.input.shape[1])
        gap = export(network, exported)
        if images is None:
            shutil.copyfile(exported, out / file)
        else:
            chosen, _ = quantise.choose(data.merge_duplicates(data.scan(images)), quantise.CALIBRATION_IMAGES, 0)
            pixels = data.load_pixels([image.path for image in chosen], size, title="Images for int8 ranges")
            # Use 7 of the 8 bits: Lambda may choose an AVX2 CPU without VNNI, where 8-bit weights saturate.
            quantise.quantise(exported, out / file, pixels, reduce_range=True)
    print(f"{file}: {(out / file).stat().st_size / 1e6:.1f} MB, float32 within {gap:.1e} of Keras")
    return {
        "file": file,
        "sha256": digest(out / file),
        "input": {"height": size, "width": size, "channels": 1, "dtype": "uint8"},
        "precision": "float32" if images is None else "int8",
        "weight": 1.0,
    }


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def gate_entry(entry: dict[str, Any], out: Path, images: Path, others: Path) -> dict[str, Any]:
    """Fit the gate on a member, attach it to the graph and update the digest in ``entry``."""
    path = out / entry["file"]
    fitted = gate.build(path, images, others)
    entry["sha256"] = digest(path)
    return {
        "distance_threshold": fitted.distance_threshold,
        "population_threshold": fitted.population_threshold,
        "poses": list(POSES),
    }


def training_entry(run: Path, tuned: Sequence[Path]) -> dict[str, Any]:
    """Return the card's ``training`` entry from the run folders: the images of each network, and all settings."""
    images = held_out.read_records(run)
    settings = json.loads((run / "settings.json").read_text())
    folds = sorted(int(path.parent.name.removeprefix("fold-")) for path in run.glob("fold-*/validation.npz"))
    seen = {f"fold-{k}": sum(image["fold"] != k for image in images) for k in folds}
    entry: dict[str, Any] = {
        "data": settings["data"],
        "films": len({image["name"] for image in images if any(image["fold"] != k for k in folds)}),
        "patients": len({image["group"] for image in images}),
        "prevalence": round(float(np.mean([image["label"] for image in images])), 4),
        "films_of_each_network": seen,
        "settings": settings,
    }
    later = run / "later-block" / "checks.json"
    if later.exists():
        entry["later_block"] = json.loads(later.read_text())
    checks = [json.loads((run / f"fold-{k}" / "checks.json").read_text()) for k in folds]
    entry["folds"] = checks
    if tuned:
        records = [json.loads((folder / "settings.json").read_text()) for folder in tuned]
        entry["tuned"] = {
            "films": len(held_out.read_records(tuned[0])),
            "seeds": [record.pop("seed") for record in records],
            "settings": records[0],
        }
    return entry


def golden_logit(document: dict[str, Any], folder: Path) -> float:
    """Return the logit of the golden image, computed by the serving code with the members that the card lists."""
    card = Card.from_document(document)
    with Image.open(folder / card.golden.file) as image:
        return Model(card, folder).predict([image.convert("L")])[0].logit


def build_card(
    run: Path,
    out: Path,
    name: str,
    version: str,
    golden: Path,
    *,
    images: Path,
    tuned: Sequence[Path] = (),
    quantised: bool = True,
    others: Path | None = None,
) -> dict[str, Any]:
    """Export the run, write the ONNX file, ``golden.png`` and ``validation.csv`` into ``out``, and return the card.

    ``images``: training images, for int8 ranges, the scale of the heatmap and the gate. ``others``: images of another
    population, or None for a model without a gate. ``tuned``: runs that continued from the mean of the folds, each with
    another seed; the mean of their weights is served.
    """
    scores = held_out.HeldOut.of_runs([run])
    calibration = scores.calibration()
    validation = scores.calibrated(calibration)
    points = calibrate.operating_points(validation)
    entry = member(run.name, served(run, tuned), out, images if quantised else None)
    gate_limits = gate_entry(entry, out, images, others) if others else None
    shutil.copyfile(golden, out / "golden.png")
    scores.write(out / held_out.FILE)
    document: dict[str, Any] = {
        "schema_version": SCHEMA_VERSION,
        "name": name,
        "version": version,
        "created": dt.datetime.now(dt.UTC).date().isoformat(),
        "labels": ["normal", "pneumonia"],
        "members": [entry],
        "scaling": "x / 127.5 - 1, inside the graph",
        "preprocessing": {**PREPROCESSING, "range": "stretched"},
        "calibration": {
            "method": "platt",
            "slope": calibration.slope,
            "intercept": calibration.intercept,
            "prevalence": calibrate.PREVALENCE,
        },
        "operating_points": points,
        "heatmap": {"full_scale": 1.0, "films": 0},  # a placeholder: measuring it below needs a complete card
        "gate": gate_limits,
        "golden": {"file": "golden.png", "logit": 0.0, "tolerance": GOLDEN_TOLERANCE},
        "intended_use": INTENDED_USE,
        "limits": LIMITS,
        "notice": NOTICE,
        "training": training_entry(run, tuned),
        "metrics": {
            "validation": {
                **validation_metrics(validation, scores.folds, points["balanced"]["threshold"]),
                "cut_normals_called_ill": cut_normals_called_ill(run, calibration, points["balanced"]["threshold"]),
            }
        },
    }
    document["heatmap"] = heat_scale.measure(Model(Card.from_document(document), out, threads=2), images)
    document["golden"]["logit"] = round(golden_logit(document, out), 4)
    return document


def swap(new: Path, old: Path) -> None:
    """Replace the folder ``old`` with the finished folder ``new``. If this raises ``OSError``, ``old`` is unchanged."""
    before = old.with_name(f".{old.name}.before")
    if before.exists() and not old.exists():  # an earlier call was interrupted between its two renames
        os.replace(before, old)
    shutil.rmtree(before, ignore_errors=True)
    if old.exists():
        os.replace(old, before)
    try:
        os.replace(new, old)
    except OSError:
        if before.exists():
            os.replace(before, old)
        raise
    shutil.rmtree(before, ignore_errors=True)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="run folder of training.train, with its folds")
    parser.add_argument("--tuned", type=Path, nargs="+", default=[], metavar="RUN",
                        help="run folders that continued from the mean of the folds; their mean is served")  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("model_artifacts"), help="default: %(default)s")
    parser.add_argument("--name", default="xception-pneumonia", help="default: %(default)s")
    parser.add_argument("--version", required=True, help="semantic version of the model, such as 1.0.0")
    parser.add_argument("--golden", type=Path, default=Path("samples/pneumonia-1.png"), help="default: %(default)s")
    parser.add_argument("--data", type=Path, required=True, help="folder of the training images")
    parser.add_argument("--others", type=Path, help="unlabelled chest X-rays of another population, for the gate")
    parser.add_argument("--precision", choices=("int8", "float32"), default="int8", help="default: %(default)s")
    args = parser.parse_args(argv)
    if not re.fullmatch(VERSION, args.version):
        parser.error(f"--version is {args.version!r}: give a semantic version, such as 1.0.0")
    args.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=args.out.parent, prefix=f".{args.out.name}.") as scratch:
        new = Path(scratch) / args.out.name
        new.mkdir()
        card = build_card(
            args.run, new, args.name, args.version, args.golden, images=args.data, tuned=args.tuned,
            quantised=args.precision == "int8", others=args.others,
        )  # fmt: skip
        (new / "card.json").write_text(json.dumps(card, indent=2) + "\n")
        swap(new, args.out)
    print(f"{args.out}/card.json: version {card['version']}, validation {card['metrics']['validation']}")


if __name__ == "__main__":
    main()
