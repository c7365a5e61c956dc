"""Settings of a training run; the whole record is stored in the run folder and in the model card."""

from dataclasses import dataclass, field

from training.augment import Augmentation


@dataclass(frozen=True)
class TrainSettings:
    """One run: input size, folds, schedule, regularisation. Lengths are in films, rates are per step."""

    architecture: str = "xception"
    size: int = 224
    folds: int = 5
    epochs: int = 4
    epoch_films: int = 3072
    batch: int = 32
    learning_rate: float = 2e-4
    warmup_films: int = 1024
    weight_decay: float = 0.01
    label_smoothing: float = 0.05
    dropout: float = 0.3
    ema_momentum: float = 0.99
    first_trainable: str = "block4_sepconv1_act"
    # bfloat16 products with float32 accumulation and weights: about half again as fast on CPUs with AVX512-BF16.
    precision: str = "mixed_bfloat16"
    seed: int = 7
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise ValueError("folds: at least 2, since every film is scored by a network that never saw it")
        if self.size < 71:
            raise ValueError("size: Xception needs at least 71 pixels")
        if self.epochs < 0 or self.batch < 2 or self.epoch_films < self.batch:
            raise ValueError("epochs must be >= 0, batch >= 2 and epoch_films at least one batch")
