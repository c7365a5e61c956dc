import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("keras", reason="Keras is only in the training environment (make train-test)")

from training.held_out import FILE, HeldOut


def write_run(folder: Path, scores: dict[int, list[float]]) -> Path:
    """Write a run of two folds over four images. ``scores``: logits by finished fold."""
    images = [{"name": f"{k}.png", "label": k % 2, "group": str(k), "fold": k // 2} for k in range(4)]
    folder.mkdir(parents=True)
    (folder / "films.json").write_text(json.dumps(images))
    for fold, logits in scores.items():
        (folder / f"fold-{fold}").mkdir()
        np.savez(folder / f"fold-{fold}" / "validation.npz", index=[2 * fold, 2 * fold + 1], logit=logits)
        np.savez(folder / f"fold-{fold}" / "shifted.npz", logit=[logits, [2 * value for value in logits]])
    return folder


def test_scores_belong_to_the_right_images(tmp_path: Path) -> None:
    scores = HeldOut.of_runs([write_run(tmp_path / "run", {0: [-1, 1], 1: [-2, 2]})])
    assert scores.images == ("0.png", "1.png", "2.png", "3.png")
    assert scores.logit.tolist() == [-1, 1, -2, 2]
    assert scores.shifted_logit.tolist() == [-1, 1, -2, 2, -2, 2, -4, 4]
    assert scores.shifted_y.tolist() == [0, 1, 0, 1] * 2
    assert scores.folds.tolist() == [0, 0, 1, 1]


def test_images_of_an_unfinished_fold_are_left_out(tmp_path: Path) -> None:
    scores = HeldOut.of_runs([write_run(tmp_path / "run", {1: [-2, 2]})])
    assert scores.images == ("2.png", "3.png")
    assert scores.logits.tolist() == [[[-2, 2], [-2, 2], [-4, 4]]]


def test_an_ensemble_is_the_mean_over_images_that_every_run_scored(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", {0: [-1, 1], 1: [-2, 2]})
    other = write_run(tmp_path / "other", {1: [-4, 6]})
    scores = HeldOut.of_runs([one, other])
    assert scores.runs == ("one", "other")
    assert scores.images == ("2.png", "3.png")
    assert scores.logit.tolist() == [-3, 4]
    assert scores.shifted_logit.tolist() == [-3, 4, -6, 8]


def test_a_run_without_shifted_scores_says_what_to_do(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", {0: [-1, 1]})
    (run / "fold-0" / "shifted.npz").unlink()
    with pytest.raises(SystemExit, match="run it again"):
        HeldOut.of_runs([run])


def test_runs_over_other_images_are_refused(tmp_path: Path) -> None:
    one, other = (write_run(tmp_path / name, {0: [-1, 1], 1: [-2, 2]}) for name in ("one", "other"))
    images = json.loads((other / "films.json").read_text())
    (other / "films.json").write_text(json.dumps(images[::-1]))
    with pytest.raises(SystemExit, match="different images"):
        HeldOut.of_runs([one, other])


def test_the_table_reads_back_what_was_written(tmp_path: Path) -> None:
    runs = [write_run(tmp_path / name, {0: [-1, shift], 1: [-2, 2]}) for name, shift in (("one", 1), ("other", 3))]
    scores = HeldOut.of_runs(runs)
    scores.write(tmp_path / FILE)
    again = HeldOut.read(tmp_path / FILE)
    assert (again.images, again.runs) == (scores.images, scores.runs)
    for field in ("y", "folds", "logits"):
        assert getattr(again, field).tolist() == getattr(scores, field).tolist()
