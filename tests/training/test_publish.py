import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="Keras is in the training environment (make train-test)")

from training import calibrate, publish


def write_run(folder: Path, scores: dict[int, list[float]]) -> Path:
    """A run of two folds over four films; ``scores``: logits by finished fold."""
    films = [{"name": f"{k}.png", "label": k % 2, "group": str(k), "fold": k // 2} for k in range(4)]
    folder.mkdir(parents=True)
    (folder / "films.json").write_text(json.dumps(films))
    for fold, logits in scores.items():
        (folder / f"fold-{fold}").mkdir()
        np.savez(folder / f"fold-{fold}" / "validation.npz", index=[2 * fold, 2 * fold + 1], logit=logits)
        np.savez(folder / f"fold-{fold}" / "shifted.npz", logit=[logits, [2 * value for value in logits]])
    return folder


def test_scores_go_back_to_the_films_they_belong_to(tmp_path: Path) -> None:
    films, logits, folds = publish.validation_scores(write_run(tmp_path / "run", {0: [-1, 1], 1: [-2, 2]}))
    assert [film["name"] for film in films] == ["0.png", "1.png", "2.png", "3.png"]
    assert logits.tolist() == [-1, 1, -2, 2]
    assert folds.tolist() == [0, 0, 1, 1]


def test_an_unfinished_fold_is_left_out_not_guessed(tmp_path: Path) -> None:
    _, logits, _ = publish.validation_scores(write_run(tmp_path / "run", {1: [-2, 2]}))
    assert np.isnan(logits[:2]).all()
    assert logits[2:].tolist() == [-2, 2]


def test_shifted_scores_go_back_to_their_films_too(tmp_path: Path) -> None:
    logits = publish.shifted_scores(write_run(tmp_path / "run", {1: [-2, 2]}))
    assert np.isnan(logits[:, :2]).all()
    assert logits[:, 2:].tolist() == [[-2, 2], [-4, 4]]


def test_a_run_without_shifted_scores_says_which_command_makes_them(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", {0: [-1, 1]})
    (run / "fold-0" / "shifted.npz").unlink()
    with pytest.raises(SystemExit, match=r"training\.shifted"):
        publish.shifted_scores(run)


def test_validation_figures_show_the_spread_over_the_folds() -> None:
    y = np.array([0.0, 1.0, 0.0, 1.0])
    films = calibrate.Validation(
        y, np.array([0.1, 0.9, 0.8, 0.2]), np.tile(y, 2), np.array([0.1, 0.9] * 3 + [0.9, 0.1])
    )
    figures = publish.validation_metrics(films, np.array([0.0, 0.0, 1.0, 1.0]), 0.5)
    assert figures["auc_per_fold"] == [1.0, 0.0]
    assert figures["accuracy"] == 0.5
    assert figures["shifted"]["films"] == 8
    assert figures["shifted"]["auc_per_fold"] == [1.0, 0.5]


def test_runs_over_other_films_are_no_ensemble(tmp_path: Path) -> None:
    one, other = (write_run(tmp_path / name, {0: [-1, 1], 1: [-2, 2]}) for name in ("one", "other"))
    films = json.loads((other / "films.json").read_text())
    (other / "films.json").write_text(json.dumps(films[::-1]))
    with pytest.raises(SystemExit, match="different films"):
        publish.build_card([one, other], tmp_path, "model", "1.0.0", tmp_path / "golden.png")
