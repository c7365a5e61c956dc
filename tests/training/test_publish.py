"""Publishing: the figures of the card can be reproduced, and a failure loses nothing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("keras", reason="Keras is only in the training environment (make train-test)")

from pneumonia.model.card import Card
from pneumonia.model.sessions import Model
from training import calibrate, held_out, publish

SHIPPED = Path(__file__).parents[2] / "model_artifacts"


def test_validation_figures_show_the_spread_over_the_folds() -> None:
    y = np.array([0.0, 1.0, 0.0, 1.0])
    images = calibrate.Validation(
        y, np.array([0.1, 0.9, 0.8, 0.2]), np.tile(y, 2), np.array([0.1, 0.9] * 3 + [0.9, 0.1])
    )
    figures = publish.validation_metrics(images, np.array([0.0, 0.0, 1.0, 1.0]), 0.5)
    assert figures["auc_per_fold"] == [1.0, 0.0]
    assert figures["accuracy"] == 0.5
    assert figures["shifted"]["films"] == 8
    assert figures["shifted"]["auc_per_fold"] == [1.0, 0.5]


def write_run(folder: Path, finished: tuple[int, ...] = (0, 1)) -> Path:
    """Write a run of three folds, some finished, over six images: normal ones first, two for each patient."""
    images = [{"name": f"{k}.png", "label": int(k >= 3), "group": str(k // 2), "fold": k % 3} for k in range(6)]
    folder.mkdir(parents=True)
    (folder / "films.json").write_text(json.dumps(images))
    (folder / "settings.json").write_text(json.dumps({"size": 71, "seed": 7, "data": "Images of St. Nowhere"}))
    for fold in finished:
        (folder / f"fold-{fold}").mkdir()
        np.savez(folder / f"fold-{fold}" / "validation.npz", index=[fold, fold + 3], logit=[-1, 1])
        np.savez(folder / f"fold-{fold}" / "cut.npz", logit=[[-2 + 3 * fold, 9], [-2, 9], [-2, 9]])
        (folder / f"fold-{fold}" / "checks.json").write_text(json.dumps({"films": 2, "auc": 1.0}))
    return folder


def test_cut_normals_are_counted_over_every_cut_and_fold(tmp_path: Path) -> None:
    found = publish.cut_normals_called_ill(write_run(tmp_path / "run"), calibrate.Calibration(1.0, 0.0), 0.5)
    assert found == pytest.approx(1 / 6, abs=1e-4)


def test_the_card_says_on_how_many_images_each_network_was_trained(tmp_path: Path) -> None:
    entry = publish.training_entry(write_run(tmp_path / "run"), [])
    assert entry["films_of_each_network"] == {"fold-0": 4, "fold-1": 4}
    assert (entry["films"], entry["patients"], entry["prevalence"]) == (6, 3, 0.5)
    assert entry["data"] == entry["settings"]["data"] == "Images of St. Nowhere"
    assert len(entry["folds"]) == 2
    assert "later_block" not in entry
    assert "tuned" not in entry


def test_a_single_fold_never_saw_its_images(tmp_path: Path) -> None:
    entry = publish.training_entry(write_run(tmp_path / "run", finished=(0,)), [])
    assert entry["films"] == entry["films_of_each_network"]["fold-0"] == 4


def test_the_card_describes_tuning_and_the_later_block(tmp_path: Path) -> None:
    run, tuned = write_run(tmp_path / "run"), write_run(tmp_path / "run-tuned", finished=())
    (run / "later-block").mkdir()
    (run / "later-block" / "checks.json").write_text(json.dumps({"auc": 0.9}))
    entry = publish.training_entry(run, [tuned])
    assert entry["later_block"] == {"auc": 0.9}
    assert entry["tuned"]["films"] == 6
    assert entry["tuned"]["seeds"] == [7]


def test_the_tuned_network_is_served_or_the_folds(tmp_path: Path) -> None:
    run, tuned = write_run(tmp_path / "run"), write_run(tmp_path / "run-tuned", finished=())
    for folder in (run, tuned):
        with pytest.raises(SystemExit, match=f"{folder} holds no finished network"):
            publish.served(run, [tuned] if folder == tuned else [])
    for path in (run / "fold-0", run / "fold-1", tuned / "final"):
        path.mkdir(exist_ok=True)
        (path / "model.keras").touch()
    assert publish.served(run, []) == [run / "fold-0" / "model.keras", run / "fold-1" / "model.keras"]
    assert publish.served(run, [tuned, tuned]) == 2 * [tuned / "final" / "model.keras"]


def options(out: Path, version: str = "9.9.9") -> list[str]:
    return ["--run", "runs/none", "--data", "films", "--out", str(out), f"--version={version}"]


@pytest.mark.parametrize("version", ["", "1.0", "v1.0.0", "1.0.0 final", "latest"])
def test_a_wrong_version_is_refused_before_any_work(
    version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def build(*_: Any, **__: Any) -> None:
        raise AssertionError("work started")

    monkeypatch.setattr(publish, "build_card", build)
    with pytest.raises(SystemExit) as found:
        publish.main(options(tmp_path / "artifacts", version))
    assert found.value.code == 2
    assert "give a semantic version, such as 1.0.0" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def written(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """Return earlier artifacts, with the files that `make evaluate` adds."""
    folder = tmp_path / "artifacts"
    (folder / "plots").mkdir(parents=True)
    for name in ("card.json", "old.onnx", "plots/roc.png"):
        (folder / name).write_text(f"old {name}")
    return folder


def test_a_failure_leaves_the_old_model_unchanged(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = written(old)

    def build(run: Path, out: Path, *_: Any, **__: Any) -> dict[str, Any]:
        (out / "new.onnx").write_text("half of a graph")
        raise RuntimeError("no memory left")

    monkeypatch.setattr(publish, "build_card", build)
    with pytest.raises(RuntimeError, match="no memory left"):
        publish.main(options(old))
    assert written(old) == before
    assert list(old.parent.iterdir()) == [old]


def test_a_finished_model_replaces_the_old_one_completely(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(run: Path, out: Path, name: str, version: str, *_: Any, **__: Any) -> dict[str, Any]:
        (out / "new.onnx").write_text("a graph")
        return {"version": version, "metrics": {"validation": {}}}

    monkeypatch.setattr(publish, "build_card", build)
    publish.main(options(old))
    assert set(written(old)) == {"card.json", "new.onnx"}
    assert json.loads((old / "card.json").read_text())["version"] == "9.9.9"
    assert list(old.parent.iterdir()) == [old]


def test_swapping_ignores_the_remains_of_an_interrupted_swap(old: Path) -> None:
    (old.parent / ".artifacts.before").mkdir()
    (old.parent / ".artifacts.before" / "older.onnx").touch()
    (old.parent / "new").mkdir()
    (old.parent / "new" / "card.json").write_text("new")
    publish.swap(old.parent / "new", old)
    assert written(old) == {"card.json": b"new"}
    assert list(old.parent.iterdir()) == [old]


def assert_made_from_its_scores(folder: Path) -> None:
    """Assert that calibration, operating points and validation figures follow from the held-out scores of the card."""
    card = json.loads((folder / "card.json").read_text())
    scores = held_out.HeldOut.read(folder / held_out.FILE)
    calibration = scores.calibration()
    assert (card["calibration"]["slope"], card["calibration"]["intercept"]) == (
        calibration.slope, calibration.intercept,
    )  # fmt: skip
    validation = scores.calibrated(calibration)
    points = calibrate.operating_points(validation)
    assert card["operating_points"] == points, (
        "training/calibrate.py gives other thresholds than the card has: publish the model again with a new VERSION "
        "(make publish), then run make evaluate for the figures"
    )
    figures = publish.validation_metrics(validation, scores.folds, points["balanced"]["threshold"])
    shown = card["metrics"]["validation"]
    assert {name: shown[name] for name in figures} == figures


@pytest.fixture(scope="module")
def published(tiny_run: Path, images_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (90, 90), np.uint8)).save(folder / "film.png")
    publish.main(["--run", str(tiny_run), "--out", str(folder / "artifacts"), "--version", "9.9.9+tiny",
                  "--golden", str(folder / "film.png"), "--data", str(images_dir)])  # fmt: skip
    return folder / "artifacts"


@pytest.mark.slow
def test_published_artifacts_can_be_served(published: Path) -> None:
    card = Card.load(published)
    with Image.open(published / "golden.png") as image:
        answer = Model(card, published).predict([image.convert("L")])[0]
    assert (card.version, card.stretch) == ("9.9.9+tiny", True)
    assert answer.logit == pytest.approx(card.golden.logit, abs=1e-3)
    assert answer.activation_map.shape == (5, 5)
    # With random weights, single cells are far hotter than the mean.
    assert answer.activation_map.mean() == pytest.approx(
        answer.logit, abs=1e-3 * float(np.abs(answer.activation_map).max())
    )
    assert card.full_scale == card.document["heatmap"]["full_scale"] > 0
    assert card.document["heatmap"]["films"] == 16
    assert {path.name for path in published.iterdir()} == {
        "card.json", "golden.png", "validation.csv", "tiny-int8.onnx",
    }  # fmt: skip


@pytest.mark.slow
def test_the_published_card_follows_from_its_scores(published: Path) -> None:
    assert_made_from_its_scores(published)
    training = json.loads((published / "card.json").read_text())["training"]
    assert training["films_of_each_network"] == {"fold-0": 16, "fold-1": 16}
    assert training["films"] == 32
    assert training["settings"]["epochs"] == 2


@pytest.mark.skipif(
    json.loads((SHIPPED / "card.json").read_text())["schema_version"] == 1,
    reason="the shipped card has the first schema; its figures come from other scores",
)
def test_the_shipped_card_follows_from_its_scores() -> None:
    assert_made_from_its_scores(SHIPPED)


def folder(path: Path, text: str) -> Path:
    path.mkdir()
    (path / "card.json").write_text(text)
    return path


def test_a_swap_that_fails_leaves_the_old_model(tmp_path: Path) -> None:
    old = folder(tmp_path / "model_artifacts", "old")
    with pytest.raises(OSError, match="No such file"):
        publish.swap(tmp_path / "absent", old)
    assert (old / "card.json").read_text() == "old"


def test_a_swap_that_was_interrupted_between_its_renames_is_reversed_first(tmp_path: Path) -> None:
    folder(tmp_path / ".model_artifacts.before", "old")
    with pytest.raises(OSError, match="No such file"):
        publish.swap(tmp_path / "absent", tmp_path / "model_artifacts")
    assert (tmp_path / "model_artifacts" / "card.json").read_text() == "old"
    publish.swap(folder(tmp_path / "new", "new"), tmp_path / "model_artifacts")
    assert (tmp_path / "model_artifacts" / "card.json").read_text() == "new"
    assert not (tmp_path / ".model_artifacts.before").exists()
