"""Settings of a training run. They are stored in the run folder and in the model card."""

from dataclasses import dataclass, field

from training.augment import Augmentation


@dataclass(frozen=True)
class TrainSettings:
    """Network, folds, schedule and regularisation of one run. Lengths are in images; rates are per training step."""

    size: int = 176
    middle: int = 8  # blocks of the middle flow that the network keeps: 8, 6 or 4
    folds: int = 5
    epochs: int = 4
    epoch_films: int = 12288
    batch: int = 64
    learning_rate: float = 3e-4
    warmup_films: int = 2048
    weight_decay: float = 0.01
    label_smoothing: float = 0.05
    dropout: float = 0.3
    ema_momentum: float = 0.995
    first_trainable: str = "block4_sepconv1_act"
    lung_weight: float = 0.5  # weight of the lung head in the loss
    distil: float = 0.75  # share of the teacher's probability in the label, if there is a teacher
    # mixed_bfloat16 is faster on GPUs and on CPUs with AVX512-BF16. On other CPUs it is emulated and much slower.
    precision: str = "float32"
    seed: int = 7
    augmentation: Augmentation = field(default_factory=Augmentation)

    def __post_init__(self) -> None:
        if self.folds < 2:
            raise ValueError("folds: at least 2, because every image is scored by a network that never saw it")
        if self.size < 71:
            raise ValueError("size: Xception needs at least 71 pixels")
        if self.epochs < 0 or self.batch < 2 or self.epoch_films < self.batch:
            raise ValueError("epochs must be >= 0, batch >= 2 and epoch_films at least one batch")
