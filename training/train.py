"""Train the network: linear probe, then fine-tuning, one run per fold, resumable after any cut.

    python -m training.train --data DATA/train --weights imagenet --out runs/xception-176

Each fold is trained on the other folds and scores its own, so together they give a validation score for every
film from a network that never saw its patient. A run folder holds ``settings.json`` and per fold the last
checkpoint (weights, optimizer, averages), ``history.json``, ``history.png``, ``model.keras`` (averaged weights,
float32) and ``validation.npz``. Started again with the same settings it goes on where it was cut.
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
import tensorflow as tf
from numpy.typing import NDArray
from rich.console import Console
from sklearn.metrics import roc_auc_score

from training import data, network, probe, shifted
from training.augment import augment
from training.settings import TrainSettings

console = Console()
PROGRESS = 1 if console.is_terminal else 2  # a bar for people, a line for log files


def draw(y: NDArray[np.float32], films: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Indices of one epoch, half of each class, every film of a class once before any comes again."""
    halves = []
    for label in (0, 1):
        pool = np.flatnonzero(y == label)
        rounds = -(-(films // 2) // len(pool))
        halves.append(np.concatenate([rng.permutation(pool) for _ in range(rounds)])[: films // 2])
    return rng.permutation(np.concatenate(halves))


def epoch_stream(pixels: Any, y: NDArray[np.float32], settings: TrainSettings, fold: int, epoch: int) -> Any:
    """Augmented, class-balanced batches of one epoch, a function of (seed, fold, epoch) alone."""
    rng = np.random.default_rng([settings.seed, fold, epoch])
    indices = draw(y, settings.epoch_films, rng)
    base = int(rng.integers(2**30))

    def load(index: Any, position: Any) -> tuple[Any, Any]:
        seed = tf.stack([tf.constant(base, tf.int32), tf.cast(position, tf.int32) * 2])
        film = augment(tf.gather(pixels, index), seed, settings.size, settings.augmentation)
        return tf.ensure_shape(film, (settings.size, settings.size, 1)), {"logit": tf.gather(y, index)}

    stream = tf.data.Dataset.from_tensor_slices((indices, np.arange(len(indices), dtype=np.int64)))
    stream = stream.map(load, num_parallel_calls=2).batch(settings.batch, drop_remainder=True)
    return stream.prefetch(2)


def compiled(model: Any, settings: TrainSettings) -> Any:
    """Attach AdamW (warm-up, cosine decay, weight averaging) and the smoothed loss."""
    steps = settings.epochs * (settings.epoch_films // settings.batch)
    warmup = settings.warmup_films // settings.batch
    schedule = keras.optimizers.schedules.CosineDecay(
        settings.learning_rate * 0.02, max(1, steps - warmup), alpha=0.01,
        warmup_target=settings.learning_rate, warmup_steps=warmup,
    )  # fmt: skip
    optimizer = keras.optimizers.AdamW(
        schedule, weight_decay=settings.weight_decay, use_ema=True, ema_momentum=settings.ema_momentum
    )
    loss = keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=settings.label_smoothing)
    model.compile(optimizer=optimizer, loss={"logit": loss, "activation_map": None}, jit_compile=False)
    return model


def logits_of(model: Any, pixels: NDArray[np.uint8], batch: int = 64) -> NDArray[np.float32]:
    """Logits float32 ``[N]`` of uint8 films."""
    return np.asarray(model.predict(pixels, batch_size=batch, verbose=0)["logit"], dtype=np.float32)


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


def _averaged_logits(model: Any, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Validation logits under the moving average of the weights; the raw weights are put back."""
    raw = [variable.numpy() for variable in model.trainable_variables]
    model.optimizer.finalize_variable_values(model.trainable_variables)
    try:
        return logits_of(model, pixels)
    finally:
        for variable, value in zip(model.trainable_variables, raw, strict=True):
            variable.assign(value)


def fine_tune(model: Any, pixels: Any, y: Any, valid: Any, settings: TrainSettings, fold: int, folder: Path) -> Any:
    """Run the epochs that are still missing; ``valid`` is (pixels, labels). Returns the averaged network."""
    checkpoint, record = folder / "checkpoint.keras", folder / "history.json"
    history: list[dict[str, float]] = json.loads(record.read_text()) if checkpoint.exists() else []
    model = keras.models.load_model(checkpoint) if history else compiled(model, settings)
    stored = tf.constant(pixels)
    for epoch in range(len(history), settings.epochs):
        console.print(f"fold {fold}, epoch {epoch + 1} of {settings.epochs}")
        # Keras does not save the generator behind dropout: set anew each epoch, a resumed run draws the same.
        generator = model.get_layer("dropout").seed_generator
        generator.state.assign([settings.seed * 1000 + fold + 1, epoch * settings.epoch_films])
        run = model.fit(epoch_stream(stored, y, settings, fold, epoch), shuffle=False, verbose=PROGRESS)
        auc = float(roc_auc_score(valid[1], _averaged_logits(model, valid[0])))
        history.append({"epoch": epoch + 1, "loss": run.history["loss"][0], "validation_auc": auc})
        console.print(f"validation AUC {auc:.4f}")
        # Checkpoint first, record second, each by rename: a cut in between repeats one epoch, never skips one.
        model.save(folder / "next.keras")
        os.replace(folder / "next.keras", checkpoint)
        (folder / "next.json").write_text(json.dumps(history, indent=1))
        os.replace(folder / "next.json", record)
        plot_history(history, folder / "history.png")
    model.optimizer.finalize_variable_values(model.trainable_variables)
    return model


def train_fold(films: list[data.Film], pixels: Any, held_out: Any, fold: int, settings: TrainSettings,
               weights: str, features: Any, out: Path) -> None:  # fmt: skip
    """Train one fold (``fold`` = -1: on every film) and write its network and validation logits."""
    folder = out / ("final" if fold < 0 else f"fold-{fold}")
    if (folder / "validation.npz").exists():
        console.print(f"{folder.name}: done already")
        return
    folder.mkdir(parents=True, exist_ok=True)
    keras.utils.set_random_seed(settings.seed)  # the same start for every fold, and for the features of the probe
    y = data.labels(films)
    test, keep = np.flatnonzero(held_out), np.flatnonzero(~held_out)
    model = network.classifier(settings.size, weights, architecture=settings.architecture, dropout=settings.dropout)
    model.get_layer("head").set_weights(list(probe.fit_head(features[keep], y[keep])))
    valid = (pixels[test], y[test]) if len(test) else (pixels[:64], y[:64])
    if settings.epochs:
        network.freeze(model, settings.first_trainable)
        model = fine_tune(model, pixels[keep], y[keep], valid, settings, fold, folder)
    final = network.float32_copy(model, settings.size)
    final.save(folder / "model.keras")
    scores = logits_of(final, pixels[test]) if len(test) else np.empty(0, np.float32)
    if len(test):
        shifted.score(final, pixels[test], folder)
    np.savez(folder / "next.npz", index=test, logit=scores)
    os.replace(folder / "next.npz", folder / "validation.npz")
    (folder / "checkpoint.keras").unlink(missing_ok=True)
    if len(test):
        console.print(f"{folder.name}: validation AUC {roc_auc_score(y[test], scores):.4f}")


def gather(args: argparse.Namespace) -> list[data.Film]:
    """Films of ``--data`` and of every ``--extra FOLDER[=PATTERN]``, groups kept apart by folder."""
    films = data.scan(args.data, args.pattern)
    for entry in args.extra:
        folder, _, pattern = entry.partition("=")
        films += [
            data.Film(f.path, f.label, f"{Path(folder).name}/{f.group}", f.kind)
            for f in data.scan(Path(folder), pattern or args.pattern)
        ]
    return data.merge_duplicates(films)


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with NORMAL/ and PNEUMONIA/")
    parser.add_argument("--out", type=Path, required=True, help="run folder; an unfinished run in it is resumed")
    parser.add_argument("--weights", default="imagenet", help="imagenet (download), none, or a FILE of them")
    parser.add_argument("--pattern", default=data.KERMANY_GROUP, help="regular expression of the patient in a name")
    parser.add_argument("--extra", action="append", default=[], metavar="DIR[=PATTERN]",
                        help="further labelled folder of the same layout; may be given several times")  # fmt: skip
    parser.add_argument("--fold", type=int, action="append", help="train only this fold; -1: on every film")
    for entry in fields(TrainSettings):
        if entry.name != "augmentation":
            option = "--" + entry.name.replace("_", "-")
            parser.add_argument(option, type=type(entry.default), default=entry.default, help="default: %(default)s")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> None:
    args = parse(argv)
    names = [entry.name for entry in fields(TrainSettings) if entry.name != "augmentation"]
    settings = TrainSettings(**{name: getattr(args, name) for name in names})
    args.out.mkdir(parents=True, exist_ok=True)
    record, text = args.out / "settings.json", json.dumps(asdict(settings), indent=1)
    if record.exists() and record.read_text() != text:
        raise SystemExit(f"{record} holds other settings: choose another --out or delete that folder")
    record.write_text(text)
    keras.mixed_precision.set_global_policy(settings.precision)
    films = gather(args)
    folds = data.blocked_folds(films, settings.folds)
    (args.out / "films.json").write_text(
        json.dumps([{"name": f.path.name, "label": f.label, "group": f.group, "fold": int(k)}
                    for f, k in zip(films, folds, strict=True)])
    )  # fmt: skip
    console.print(f"{len(films)} films, {len({f.group for f in films})} patients, {settings.folds} folds")
    pixels = data.load_pixels([f.path for f in films], settings.size)
    keras.utils.set_random_seed(settings.seed)
    untouched = network.classifier(settings.size, args.weights, architecture=settings.architecture)
    features = probe.frozen_features(untouched, pixels, args.out / "features.npy")
    del untouched
    for fold in args.fold or range(settings.folds):
        train_fold(films, pixels, folds == fold, fold, settings, args.weights, features, args.out)


if __name__ == "__main__":
    main()
