"""The model to fit: augmentation, network and loss in one graph."""

from typing import Any

import keras
from keras import layers, ops

from training.augment import UNIFORMS, augment
from training.feed import MASK_SIDE
from training.sampling import area_mean
from training.settings import TrainSettings


class Acquisition(layers.Layer):  # type: ignore[misc]  # keras has no type information
    """Apply one simulated acquisition to each image of a batch.

    ``[image uint8 [N, S, S], mask uint8 [N, 56, 56], uniform float [N, UNIFORMS]]`` ->
    ``[image float [N, S, S, 1] in [-1, 1], share of lung in each cell float [N, h, w]]``.
    """

    def __init__(self, settings: TrainSettings, cells: tuple[int, int]) -> None:
        super().__init__(name="acquisition", dtype="float32")
        self._ranges, self._cells = settings.augmentation, cells

    def call(self, inputs: Any) -> Any:
        image, mask, uniform = inputs
        image, mask = (ops.cast(values, "float32") / 255 for values in (image, mask))
        image, mask = augment(image, mask, uniform, self._ranges)
        return [image[..., None] * 2 - 1, area_mean(mask, *self._cells)]


class Objective(layers.Layer):  # type: ignore[misc]  # keras has no type information
    """Add the loss: cross-entropy of the logit with the label, plus cross-entropy of the lung head with known masks.

    The label is smoothed. With a teacher, it is mixed with the teacher's probability.
    """

    def __init__(self, settings: TrainSettings) -> None:
        super().__init__(name="objective", dtype="float32")
        self._settings = settings

    def call(self, inputs: dict[str, Any]) -> Any:
        s = self._settings
        target = inputs["label"] * (1 - s.label_smoothing) + s.label_smoothing / 2
        if "teacher" in inputs:
            target = (1 - s.distil) * target + s.distil * ops.sigmoid(inputs["teacher"])
        loss = ops.mean(_cross_entropy(target, inputs["logit"]))
        by_image = ops.mean(_cross_entropy(inputs["lungs"], inputs["lung_logits"]), axis=(1, 2))
        known = inputs["known"]
        lungs = ops.sum(by_image * known) / ops.maximum(ops.sum(known), 1.0)
        self.add_loss(loss + s.lung_weight * lungs)
        return inputs["logit"]


def _cross_entropy(target: Any, logit: Any) -> Any:
    return ops.relu(logit) - logit * target + ops.softplus(-ops.abs(logit))


def objective(part: Any, settings: TrainSettings, teacher: Any | None = None) -> Any:
    """Build the model to fit around a core of ``training.network``.

    ``teacher``: a core. Its probability is mixed into the label.
    """
    size = part.input.shape[1]
    inputs = {
        "film": keras.Input((size, size), dtype="uint8", name="film"),
        "mask": keras.Input((MASK_SIDE, MASK_SIDE), dtype="uint8", name="mask"),
        "known": keras.Input((), name="known"),
        "label": keras.Input((), name="label"),
        "uniform": keras.Input((UNIFORMS,), name="uniform"),
    }
    cells = part.output["lung_map"].shape[1:]
    image, lungs = Acquisition(settings, cells)([inputs[name] for name in ("film", "mask", "uniform")])
    seen = part(image)
    known = {"label": inputs["label"], "known": inputs["known"], "lungs": lungs}
    known |= {name: seen[name] for name in ("logit", "lung_logits")}
    if teacher is not None:
        teacher.trainable = False
        known["teacher"] = teacher(image)["logit"]
    return keras.Model(inputs, Objective(settings)(known), name="objective_model")


def compiled(model: Any, settings: TrainSettings) -> Any:
    """Compile ``model`` with AdamW, with warm-up and cosine decay of the learning rate."""
    steps = settings.epochs * (settings.epoch_films // settings.batch)
    warmup = settings.warmup_films // settings.batch
    schedule = keras.optimizers.schedules.CosineDecay(
        settings.learning_rate * 0.02, max(1, steps - warmup), alpha=0.01,
        warmup_target=settings.learning_rate, warmup_steps=warmup,
    )  # fmt: skip
    optimizer = keras.optimizers.AdamW(schedule, weight_decay=settings.weight_decay)
    model.compile(optimizer=optimizer, jit_compile=False if keras.backend.backend() == "tensorflow" else "auto")
    return model
