"""Training on small images: folds, interruptions and resuming. Needs Keras (make train-test)."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("keras", reason="Keras is only in the training environment (make train-test)")

import keras

from tests.training.conftest import TINY
from training import data, held_out, network, train
from training.settings import TrainSettings


def weights_of(path: Path) -> list[Any]:
    found: list[Any] = network.load_core(path).get_weights()
    return found


def read(path: Path) -> Any:
    return json.loads(path.read_text())


@pytest.mark.slow
def test_every_image_gets_a_score_from_a_network_that_never_saw_it(tiny_run: Path) -> None:
    scores = held_out.HeldOut.of_runs([tiny_run])
    assert len(scores.images) == 32
    assert np.isfinite(scores.logits).all()
    assert set(scores.folds) == {0.0, 1.0}
    for fold in (0, 1):
        folder = tiny_run / f"fold-{fold}"
        stored = np.load(folder / "validation.npz")["index"]
        assert {read(tiny_run / "films.json")[k]["fold"] for k in stored} == {fold}
        assert len(read(folder / "history.json")) == 2
        assert "peak_in_lungs" in read(folder / "checks.json")
        assert not (folder / "checkpoint.npz").exists()


def test_a_network_without_the_later_block_is_scored_on_it(images_dir: Path, tmp_path: Path) -> None:
    probe(images_dir, tmp_path, "--weights", "none", "--fold", "-2")
    images = read(tmp_path / "films.json")
    unseen = [images[k] for k in np.load(tmp_path / "later-block" / "validation.npz")["index"]]
    normals = [image["name"] for image in unseen if image["label"] == 0]
    assert len(normals) == 8
    assert all(name.startswith("NORMAL2-") for name in normals)
    assert {image["fold"] for image in unseen if image["label"] == 1} == {1}
    assert read(tmp_path / "later-block" / "checks.json")["films"] == len(unseen)


@pytest.mark.slow
def test_training_changes_only_layers_that_are_not_frozen(tiny_run: Path) -> None:
    one, other = (network.load_core(tiny_run / f"fold-{k}" / "model.keras") for k in (0, 1))
    for name, same in (("block13_sepconv1", True), ("block14_sepconv1_bn", True), ("block14_sepconv1", False),
                       ("lungs", False), ("head", False)):  # fmt: skip
        found, expected = one.get_layer(name).get_weights(), other.get_layer(name).get_weights()
        assert all((a == b).all() for a, b in zip(found, expected, strict=True)) == same, name


@pytest.mark.slow
def test_the_record_holds_settings_and_data(tiny_run: Path, images_dir: Path) -> None:
    record = read(tiny_run / "settings.json")
    assert (record["size"], record["middle"], record["epochs"]) == (71, 4, 2)
    assert record["augmentation"]["rotation_degrees"] == 15
    assert (record["data"], record["teacher"], record["start"]) == (images_dir.name, None, None)


@pytest.mark.slow
def test_other_settings_do_not_mix_into_a_run(tiny_run: Path, images_dir: Path) -> None:
    before = (tiny_run / "settings.json").read_text()
    with pytest.raises(SystemExit, match="other settings"):
        train.main(["--data", str(images_dir), "--weights", "none", "--out", str(tiny_run), "--epochs", "3", *TINY])
    assert (tiny_run / "settings.json").read_text() == before


@pytest.mark.slow
def test_an_interrupted_run_resumes_to_the_same_network(
    tiny_run: Path, images_dir: Path, lungs_file: Path, xception_file: Path, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    arguments = ["--data", str(images_dir), "--lungs", str(lungs_file), "--weights", str(xception_file),
                 "--out", str(tmp_path), "--epochs", "2", "--fold", "0", *TINY]  # fmt: skip

    def cut(history: list[dict[str, float]], path: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(train, "plot_history", cut)
        with pytest.raises(KeyboardInterrupt):
            train.main(arguments)
    assert len(read(tmp_path / "fold-0" / "history.json")) == 1
    train.main(arguments)
    assert len(read(tmp_path / "fold-0" / "history.json")) == 2
    whole, resumed = (np.load(run / "fold-0" / "validation.npz")["logit"] for run in (tiny_run, tmp_path))
    assert np.allclose(whole, resumed, atol=1e-3)
    capsys.readouterr()
    train.main(arguments)
    assert "fold-0: already done" in capsys.readouterr().out


@pytest.mark.slow
def test_training_starts_from_a_network_with_its_heads(tiny_run: Path, images_dir: Path, tmp_path: Path) -> None:
    start = tiny_run / "fold-0" / "model.keras"
    train.main(["--data", str(images_dir), "--out", str(tmp_path), "--start", str(start), "--fold", "-1",
                "--epochs", "0", *TINY])  # fmt: skip
    same = zip(weights_of(tmp_path / "final" / "model.keras"), weights_of(start), strict=True)
    assert all((one == other).all() for one, other in same)
    assert read(tmp_path / "settings.json")["start"] == "tiny/fold-0"
    # The network saw every image: none is left to score, and no features were needed.
    assert {path.name for path in (tmp_path / "final").iterdir()} == {"model.keras"}
    assert not (tmp_path / "features.npy").exists()


@pytest.mark.slow
def test_a_teacher_is_the_network_of_the_same_fold(tiny_run: Path) -> None:
    teacher = train.teacher_of(tiny_run, 1)
    assert teacher is not None
    assert teacher.name == "teacher"
    same = zip(teacher.get_weights(), weights_of(tiny_run / "fold-1" / "model.keras"), strict=True)
    assert all((one == other).all() for one, other in same)
    assert train.teacher_of(None, 1) is None


def probe(images_dir: Path, out: Path, *options: str) -> None:
    """Train only the head, on random features."""
    train.main(["--data", str(images_dir), "--out", str(out), "--epochs", "0", *TINY, *options])


def test_a_failed_download_gives_one_sentence_and_does_not_block_the_next_try(
    images_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(**_: Any) -> None:
        raise OSError("URL fetch failure")

    monkeypatch.setattr(keras.applications, "Xception", offline)
    with pytest.raises(SystemExit, match=r"make train WEIGHTS=xception\.keras"):
        probe(images_dir, tmp_path)
    assert (tmp_path / "settings.json").exists()
    probe(images_dir, tmp_path, "--weights", "none", "--fold", "0", "--seed", "8")
    assert read(tmp_path / "settings.json")["seed"] == 8
    assert (tmp_path / "fold-0" / "model.keras").exists()
    # From here on the run holds a finished network, although nothing was fine-tuned.
    with pytest.raises(SystemExit, match="other settings"):
        probe(images_dir, tmp_path, "--weights", "none", "--seed", "9")


def test_features_of_other_settings_are_not_used(images_dir: Path, tmp_path: Path) -> None:
    tmp_path.joinpath("settings.json").write_text("{}")  # from an interrupted attempt
    np.save(tmp_path / "features.npy", np.zeros((32, 2048), np.float32))
    probe(images_dir, tmp_path, "--weights", "none", "--fold", "0")
    assert np.load(tmp_path / "features.npy").any()


def test_extra_folders_widen_the_data(images_dir: Path, tmp_path: Path) -> None:
    for folder in data.CLASS_FOLDERS:
        (tmp_path / "more" / folder).mkdir(parents=True)
        Image.new("L", (80, 80), 99 if folder == "NORMAL" else 9).save(tmp_path / f"more/{folder}/00000061_015.png")
    args = train.parse(["--data", str(images_dir), "--out", "unused", "--extra", f"{tmp_path}/more=^(\\d+)_"])
    images = train.gather(args)
    assert len(images) == 34
    assert {f.group for f in images if f.path.parent.parent.name == "more"} == {"more/00000061"}


def test_the_data_is_named_by_source_txt_or_by_its_folder(tmp_path: Path) -> None:
    assert train.describe(tmp_path) == tmp_path.name
    (tmp_path / "SOURCE.txt").write_text("Images of St. Nowhere (CC0)\nsecond line\n")
    assert train.describe(tmp_path) == "Images of St. Nowhere (CC0)"


@pytest.mark.parametrize(
    ("wrong", "match"),
    [({"folds": 1}, "at least 2"), ({"size": 70}, "at least 71"), ({"epochs": -1}, "epochs must be"),
     ({"batch": 64, "epoch_films": 32}, "at least one batch")],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(wrong: dict[str, int], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        TrainSettings(**wrong)  # type: ignore[arg-type]  # numbers for number fields
