from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("keras", reason="Keras is only in the training environment (make train-test)")

from tests.training.conftest import MakeCore
from training import average, network


@pytest.fixture
def run(tmp_path: Path, make_core: MakeCore) -> tuple[Path, list[Any]]:
    """Return a run folder with three folds and the other files of a run."""
    cores = [make_core() for _ in range(3)]
    for name, core in zip(("fold-0", "fold-1", "later-block"), cores, strict=True):
        (tmp_path / name).mkdir()
        network.classifier(core).save(tmp_path / name / "model.keras")
    return tmp_path, cores


def test_the_mean_is_over_the_folds_only(run: tuple[Path, list[Any]]) -> None:
    folder, cores = run
    average.main(["--run", str(folder)])
    mean = network.load_core(folder / "mean" / "model.keras")
    for found, one, other in zip(mean.get_weights(), *(core.get_weights() for core in cores[:2]), strict=True):
        np.testing.assert_allclose(found, (one + other) / 2, atol=1e-6)


def test_the_mean_of_one_network_is_that_network(run: tuple[Path, list[Any]]) -> None:
    folder, cores = run
    same = average.averaged([folder / "fold-0" / "model.keras"]).get_weights()
    assert all((one == other).all() for one, other in zip(same, cores[0].get_weights(), strict=True))


def test_a_run_without_a_finished_fold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="holds no finished fold"):
        average.main(["--run", str(tmp_path)])
    assert not (tmp_path / "mean").exists()
