"""Average the weights of a run's folds into one network, which is then tuned on all images.

    python -m training.average --run runs/xception-176

The command writes ``mean/model.keras`` into the run folder. Networks that were fine-tuned from the same weights share
one basin of the loss. Their mean is as good as their ensemble, at the cost of one network (Wortsman et al. 2022,
arXiv:2203.05482). Averaging blurs the details in which the networks differ, here the border of the lungs. A little more
training makes the border sharp again (training/EXPERIMENTS.md).
"""

import argparse
from pathlib import Path
from typing import Any

import keras
import numpy as np

from training import network  # noqa: F401  # registers the layers of the saved networks


def averaged(paths: list[Path]) -> Any:
    """Return one network whose weights are the mean over ``paths``."""
    model = keras.models.load_model(paths[0], compile=False)
    if len(paths) > 1:
        others = [keras.models.load_model(path, compile=False).get_weights() for path in paths[1:]]
        mean = [np.mean(stack, axis=0) for stack in zip(model.get_weights(), *others, strict=True)]
        model.set_weights(mean)
    return model


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, required=True, help="run folder of training.train")
    run = parser.parse_args(argv).run
    folds = sorted(run.glob("fold-*/model.keras"))
    if not folds:
        raise SystemExit(f"{run} holds no finished fold. Run training.train first.")
    (run / "mean").mkdir(exist_ok=True)
    averaged(folds).save(run / "mean" / "model.keras")
    print(f"{run}/mean/model.keras: mean of {len(folds)} networks")


if __name__ == "__main__":
    main()
