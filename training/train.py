"""Train the network: linear probe, then fine-tuning, for each fold. An interrupted run can be resumed.

    python -m training.train --data DATA/train --lungs lungs.npz --weights imagenet --out runs/xception-176

The network of a fold is trained on all other folds and then scores its own fold. Together, the folds give every image a
validation score from a network that never saw its patient. The network of fold ``-1`` is trained on all images. The
network of fold ``-2`` is trained without the later block and scores this block (``held_out`` in ``training/data.py``).

A run folder holds ``settings.json``, ``films.json``, and a folder for each fold: the last checkpoint (weights,
optimizer, averages), ``history.json``, ``history.png``, ``model.keras`` (averaged weights, float32) and the scores of
``training/fold_scores.py``. With the same settings, the command resumes where it was interrupted. ``KERAS_BACKEND``
chooses the framework: tensorflow, jax or torch.
"""

import argparse
import json
import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import keras
import matplotlib.pyplot as plt
import numpy as np
from keras import ops
from numpy.typing import NDArray
from rich.console import Console
from sklearn.metrics import roc_auc_score

from training import data, fold_scores, network, probe, xception
from training.feed import Batches, ImageSet
from training.objective import compiled, objective
from training.settings import TrainSettings

console = Console()
PROGRESS = 1 if console.is_terminal else 2  # Keras's `verbose`: a bar in a terminal, one line per epoch in a log file


def plot_history(history: list[dict[str, float]], path: Path) -> None:
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2))
    epochs = [int(row["epoch"]) for row in history]
    left.plot(epochs, [row["loss"] for row in history], marker="o")
    left.set(xlabel="epoch", ylabel="training loss", xticks=epochs)
    right.plot(epochs, [row["validation_auc"] for row in history], marker="o", color="tab:green")
    right.set(xlabel="epoch", ylabel="validation AUC (averaged weights)", xticks=epochs)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    plt.close(figure)


class Averages(keras.callbacks.Callback):  # type: ignore[misc]  # keras has no type information
    """Keep a moving average of the trainable weights. It is updated only every ``EVERY`` steps.

    On a GPU, one update takes as long as a training step.
    """

    EVERY = 8

    def __init__(self, variables: list[Any], momentum: float) -> None:
        super().__init__()
        self._variables, self._share, self.steps = variables, 1 - momentum**self.EVERY, 0
        self.values = [ops.copy(variable.value) for variable in variables]

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.steps += 1
        if self.steps % self.EVERY == 0:
            if hasattr(self.model, "jax_state_sync"):
                self.model.jax_state_sync()
            self.values = [
                mean + self._share * (variable.value - mean)
                for mean, variable in zip(self.values, self._variables, strict=True)
            ]

    def swap(self) -> None:
        """Exchange the averages and the weights of the model. A second call restores them."""
        raw = [ops.copy(variable.value) for variable in self._variables]
        for variable, value in zip(self._variables, self.values, strict=True):
            variable.assign(value)
        self.values = raw


class Checkpoint:
    """The state of a training in one file: weights, optimizer and averages, on any backend."""

    def __init__(self, model: Any, averages: Averages, path: Path) -> None:
        model.optimizer.build(model.trainable_variables)
        self._variables, self._averages = [*model.weights, *model.optimizer.variables], averages
        self._path = path

    def save(self) -> None:
        """Write a new file and rename it, so that an interruption leaves the last complete checkpoint intact."""
        new = self._path.with_name("next-checkpoint.npz")
        values = [*(variable.value for variable in self._variables), *self._averages.values]
        np.savez(new, *map(ops.convert_to_numpy, values), steps=self._averages.steps)
        os.replace(new, self._path)

    def restore(self) -> None:
        with np.load(self._path) as stored:
            for index, variable in enumerate(self._variables):
                variable.assign(stored[f"arr_{index}"])
            first = len(self._variables)
            averages = range(first, first + len(self._averages.values))
            self._averages.values = [ops.convert_to_tensor(stored[f"arr_{index}"]) for index in averages]
            self._averages.steps = int(stored["steps"])


def fine_tune(part: Any, images: ImageSet, valid: ImageSet, settings: TrainSettings, fold: int, folder: Path,
              teacher: Any | None) -> None:  # fmt: skip
    """Run the missing epochs of ``part``. Afterwards ``part`` has the averaged weights."""
    checkpoint, record = folder / "checkpoint.npz", folder / "history.json"
    history: list[dict[str, float]] = json.loads(record.read_text()) if checkpoint.exists() else []
    model = compiled(objective(part, settings, teacher), settings)
    averages = Averages(model.trainable_variables, settings.ema_momentum)
    state = Checkpoint(model, averages, checkpoint)
    if history:
        state.restore()
    for epoch in range(len(history), settings.epochs):
        console.print(f"fold {fold}, epoch {epoch + 1} of {settings.epochs}")
        # Seed each epoch separately, so that dropout in a resumed run draws the same values.
        keras.utils.set_random_seed(settings.seed * 1000 + (fold + 2) * 100 + epoch)
        part.get_layer("dropout").seed_generator.state.assign([settings.seed * 1000 + fold + 2, epoch])
        run = model.fit(Batches(images, settings, fold, epoch), shuffle=False, verbose=PROGRESS, callbacks=[averages])
        averages.swap()
        auc = float(roc_auc_score(valid.y, fold_scores.logits_of(part, valid.pixels)))
        averages.swap()
        history.append({"epoch": epoch + 1, "loss": float(run.history["loss"][0]), "validation_auc": auc})
        console.print(f"loss {history[-1]['loss']:.4f}, validation AUC {auc:.4f}")
        # Save the checkpoint before the history: an interruption between the two repeats an epoch, but never skips one.
        state.save()
        (folder / "next.json").write_text(json.dumps(history, indent=1))
        os.replace(folder / "next.json", record)
        plot_history(history, folder / "history.png")
    averages.swap()


def teacher_of(run: Path | None, fold: int) -> Any | None:
    """Return the core of a finished fold of another run, in the precision of this run; None without a run."""
    if run is None:
        return None
    saved = network.load_core(run / folder_name(fold) / "model.keras")
    middle = json.loads((run / "settings.json").read_text())["middle"]
    teacher = network.core(saved.input.shape[1], middle=middle)
    teacher.set_weights(saved.get_weights())
    teacher.name = "teacher"
    return teacher


def folder_name(fold: int) -> str:
    return {data.EVERY_IMAGE: "final", data.LATER_BLOCK: "later-block"}.get(fold, f"fold-{fold}")


def train_fold(images: ImageSet, held_out: NDArray[np.bool_], fold: int, settings: TrainSettings, weights: str,
               features: Any, out: Path, teacher_run: Path | None) -> None:  # fmt: skip
    """Train one fold, and write the network and the scores of the images that it never saw."""
    folder = out / folder_name(fold)
    if (folder / "model.keras").exists():
        console.print(f"{folder.name}: already done")
        return
    folder.mkdir(parents=True, exist_ok=True)
    test, keep = np.flatnonzero(held_out), np.flatnonzero(~held_out)
    part = network.core(settings.size, middle=settings.middle, dropout=settings.dropout)
    if features is None:
        part.set_weights(network.load_core(Path(weights)).get_weights())
    else:
        xception.load_pretrained(part, weights)
        part.get_layer("head").set_weights(list(probe.fit_head(features[keep], images.y[keep])))
    if settings.epochs:
        network.freeze(part, settings.first_trainable)
        valid = images.part(test if len(test) else keep[:: max(1, len(keep) // 256)])
        fine_tune(part, images.part(keep), valid, settings, fold, folder, teacher_of(teacher_run, fold))
    final = network.float32_copy(part, middle=settings.middle)
    if len(test):
        found = fold_scores.score(final, images.part(test), test, folder)
        console.print(f"{folder.name}: {found}")
    network.classifier(final).save(folder / "next.keras")
    os.replace(folder / "next.keras", folder / "model.keras")
    (folder / "checkpoint.npz").unlink(missing_ok=True)


def gather(args: argparse.Namespace) -> list[data.LabelledImage]:
    """Return the images of ``--data`` and of every ``--extra FOLDER[=PATTERN]``, with separate groups by folder."""
    images = data.scan(args.data, args.pattern)
    for entry in args.extra:
        folder, _, pattern = entry.partition("=")
        images += [
            data.LabelledImage(f.path, f.label, f"{Path(folder).name}/{f.group}", f.kind)
            for f in data.scan(Path(folder), pattern or args.pattern)
        ]
    return data.merge_duplicates(images)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with NORMAL/ and PNEUMONIA/")
    parser.add_argument("--out", type=Path, required=True, help="run folder; an unfinished run is resumed")
    parser.add_argument("--lungs", type=Path, help=".npz with names and masks (56 x 56, 255 is lung) of the images")
    parser.add_argument("--weights", default="imagenet", help="imagenet (download), none, or a .keras file")
    parser.add_argument("--start", type=Path, help="start from this network (a model.keras) with its heads")
    parser.add_argument(
        "--teacher", type=Path, help="run folder of networks whose probabilities are mixed into the labels"
    )
    parser.add_argument(
        "--pattern", default=data.KERMANY_GROUP, help="regular expression that finds the patient in a file name"
    )
    parser.add_argument("--extra", action="append", default=[], metavar="DIR[=PATTERN]",
                        help="further labelled folder of the same layout; can be given several times")  # fmt: skip
    parser.add_argument("--fold", type=int, action="append",
                        help="train only this fold; -1: on all images; -2: without the later block")  # fmt: skip
    for entry in fields(TrainSettings):
        if entry.name != "augmentation":
            option = "--" + entry.name.replace("_", "-")
            parser.add_argument(option, type=type(entry.default), default=entry.default, help="default: %(default)s")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    names = [entry.name for entry in fields(TrainSettings) if entry.name != "augmentation"]
    settings = TrainSettings(**{name: getattr(args, name) for name in names})
    images = gather(args)
    folds = data.blocked_folds(images, settings.folds)
    args.out.mkdir(parents=True, exist_ok=True)
    record = args.out / "settings.json"
    origin = {
        "data": describe(args.data),
        "teacher": args.teacher.name if args.teacher else None,
        "start": "/".join(args.start.parts[-3:-1]) if args.start else None,
    }
    text = json.dumps({**asdict(settings), **origin}, indent=1)
    if record.exists() and record.read_text() != text:
        if any(args.out.glob("*/history.json")) or any(args.out.glob("*/model.keras")):
            raise SystemExit(f"{record} holds other settings. Choose another --out, or delete that folder.")
        (args.out / "features.npy").unlink(missing_ok=True)  # left by an attempt that failed
    record.write_text(text)
    keras.mixed_precision.set_global_policy(settings.precision)
    (args.out / "films.json").write_text(
        json.dumps([{"name": f.path.name, "label": f.label, "group": f.group, "fold": int(k)}
                    for f, k in zip(images, folds, strict=True)])
    )  # fmt: skip
    console.print(f"{len(images)} images, {len({f.group for f in images})} patients, {settings.folds} folds")
    read = ImageSet.read(images, settings.size, args.lungs)
    features = None
    if args.start is None:
        untouched = network.core(settings.size, middle=settings.middle)
        xception.load_pretrained(untouched, args.weights)
        features = probe.frozen_features(untouched, read.pixels, args.out / "features.npy")
        del untouched
    for fold in args.fold or range(settings.folds):
        train_fold(read, data.held_out(images, folds, fold), fold, settings, args.start or args.weights, features,
                   args.out, args.teacher)  # fmt: skip


def describe(folder: Path) -> str:
    """Return the name of the data for the card: the first line of ``SOURCE.txt`` in the folder, or its name."""
    source = folder / "SOURCE.txt"
    return source.read_text(encoding="utf-8").splitlines()[0] if source.exists() else folder.resolve().name


if __name__ == "__main__":
    main()
