"""Settings of a training run; the whole record is stored in the run folder and in the model card."""

from dataclasses import dataclass, field, fields
from typing import Any

from training.augment import Augmentation


@dataclass(frozen=True)
class TrainSettings:
    """One run: input size, folds, schedule, regularisation. Lengths are in films, rates are per step."""

    architecture: str = "xception"
    size: int = 176
    folds: int = 5
    epochs: int = 5
    epoch_films: int = 3840
    batch: int = 32
    learning_rate: float = 2e-4
    warmup_films: int = 1024
    weight_decay: float = 0.01
    label_smoothing: float = 0.05
    dropout: float = 0.3
    ema_momentum: float = 0.99
    first_trainable: str = "block4_sepconv1_act"
    # mixed_bfloat16 is about half again as fast on CPUs with AVX512-BF16; without it, it is emulated and does not end.
    precision: str = "float32"
    seed: int = 7
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise ValueError("folds: at least 2, since every film is scored by a network that never saw it")
        if self.size < 71:
            raise ValueError("size: Xception needs at least 71 pixels")
        if self.epochs < 0 or self.batch < 2 or self.epoch_films < self.batch:
            raise ValueError("epochs must be >= 0, batch >= 2 and epoch_films at least one batch")

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> "TrainSettings":
        """Settings as a run folder's ``settings.json`` holds them; keys that no longer exist are left out."""
        known, ranges = {entry.name for entry in fields(cls)}, {entry.name for entry in fields(Augmentation)}
        kept = {key: value for key, value in record.items() if key in known}
        drawn = Augmentation(**{key: value for key, value in record["augmentation"].items() if key in ranges})
        return cls(**{**kept, "augmentation": drawn})
