"""The whole path on small films: train, cut, resume, publish, serve. Runs where TensorFlow is (make train-test)."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("tensorflow", reason="TensorFlow is in the training environment (make train-test)")

from pneumonia.model.card import Card
from pneumonia.model.sessions import Model
from training import calibrate, data, held_out, network, publish, train
from training.settings import TrainSettings

# Keras and tf2onnx are a step behind numpy: their warnings are not ours to mend.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*np.object.*:FutureWarning"),
]

OPTIONS = ["--size", "71", "--folds", "2", "--epoch-films", "16", "--batch", "8", "--warmup-films", "8"]


@pytest.fixture(scope="module")
def run_dir(films_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "tiny"
    train.main(["--data", str(films_dir), "--weights", "none", "--out", str(out), "--epochs", "1", *OPTIONS])
    return out


def test_an_epoch_is_balanced_and_repeats_nothing_early() -> None:
    y = np.array([0] * 4 + [1] * 20, dtype=np.float32)
    chosen = train.draw(y, 16, np.random.default_rng(0))
    assert (y[chosen] == 0).sum() == (y[chosen] == 1).sum() == 8
    assert len(set(chosen[y[chosen] == 1])) == 8
    assert np.bincount(chosen[y[chosen] == 0], minlength=4).tolist() == [2, 2, 2, 2]


def test_the_stream_is_a_function_of_seed_fold_and_epoch(films_dir: Path) -> None:
    films = data.scan(films_dir)
    pixels, y = data.load_pixels([f.path for f in films], 71), data.labels(films)
    settings = TrainSettings(size=71, epoch_films=8, batch=8)
    first, again, other = (
        next(iter(train.epoch_stream(pixels, y, settings, 0, epoch)))[0].numpy() for epoch in (0, 0, 1)
    )
    assert (first == again).all()
    assert (first != other).any()


def test_frozen_layers_and_all_batch_statistics_stay_as_they_were() -> None:
    model = network.classifier(71, "none")
    network.freeze(model, "block4_sepconv1")
    net = model.get_layer("xception")
    trained = {weight.path for layer in net.layers for weight in layer.trainable_weights}
    assert any("block4_sepconv1" in path for path in trained)
    assert not any("block1_" in path or "block3_" in path or "_bn" in path for path in trained)

    def statistics() -> list[np.ndarray]:
        return [weight.numpy() for weight in net.non_trainable_weights if "moving" in weight.path]

    before = statistics()
    assert before
    # Keras passes training=True of the whole down to every layer, whatever it was called with when it was built.
    model(np.random.default_rng(0).integers(0, 256, (2, 71, 71, 1), dtype=np.uint8), training=True)
    assert all((now == then).all() for now, then in zip(statistics(), before, strict=True))


def test_every_film_gets_a_score_from_a_network_that_never_saw_it(run_dir: Path) -> None:
    scores = held_out.HeldOut.of_runs([run_dir])
    assert len(scores.films) == 32
    assert np.isfinite(scores.logits).all()
    assert set(scores.folds) == {0.0, 1.0}


def test_other_settings_do_not_mix_into_a_run(run_dir: Path, films_dir: Path) -> None:
    with pytest.raises(SystemExit, match="other settings"):
        train.main(["--data", str(films_dir), "--weights", "none", "--out", str(run_dir), "--epochs", "2", *OPTIONS])


def test_a_cut_run_resumes_to_the_same_network(
    films_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ["--data", str(films_dir), "--weights", "none", "--epochs", "2", "--fold", "0",
                 "--precision", "float32", *OPTIONS]  # fmt: skip
    train.main([*arguments, "--out", str(tmp_path / "whole")])

    def cut(history: list[dict[str, float]], path: Path) -> None:
        if len(history) == 1:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(train, "plot_history", cut)
        with pytest.raises(KeyboardInterrupt):
            train.main([*arguments, "--out", str(tmp_path / "cut")])
    train.main([*arguments, "--out", str(tmp_path / "cut")])
    whole, resumed = (np.load(tmp_path / name / "fold-0" / "validation.npz")["logit"] for name in ("whole", "cut"))
    assert np.allclose(whole, resumed, atol=1e-3)
    assert len(json.loads((tmp_path / "cut/fold-0/history.json").read_text())) == 2


def test_extra_folders_widen_the_data(films_dir: Path, tmp_path: Path) -> None:
    for folder in data.CLASS_FOLDERS:
        (tmp_path / "more" / folder).mkdir(parents=True)
        Image.new("L", (80, 80), 99 if folder == "NORMAL" else 9).save(tmp_path / f"more/{folder}/00000061_015.png")
    args = train.parse(["--data", str(films_dir), "--out", "unused", "--extra", f"{tmp_path}/more=^(\\d+)_"])
    films = train.gather(args)
    assert len(films) == 34
    assert {f.group for f in films if f.path.parent.parent.name == "more"} == {"more/00000061"}


def test_publishing_makes_artifacts_that_the_server_takes(run_dir: Path, films_dir: Path, tmp_path: Path) -> None:
    golden = tmp_path / "film.png"
    Image.new("L", (90, 90), 70).save(golden)
    out = tmp_path / "artifacts"
    publish.main(["--run", str(run_dir), "--out", str(out), "--version", "9.9.9", "--golden", str(golden),
                  "--data", str(films_dir)])  # fmt: skip
    card = Card.load(out)
    prediction = Model(card, out).predict([Image.open(golden)])[0]
    assert prediction.logit == pytest.approx(card.golden.logit, abs=1e-3)
    assert prediction.activation_map.shape == (3, 3)
    assert prediction.activation_map.mean() == pytest.approx(prediction.logit, abs=1e-3)
    assert card.document["training"]["runs"]["tiny"]["epochs"] == 1
    # Whoever gets the artifacts can check the thresholds against the scores that they were made from.
    scores = held_out.HeldOut.read(out / held_out.FILE)
    calibration = scores.calibration()
    assert calibration.slope == pytest.approx(card.document["calibration"]["slope"], rel=1e-2)
    points = calibrate.operating_points(scores.calibrated(calibration))
    for name, point in points.items():
        assert point["threshold"] == pytest.approx(card.document["operating_points"][name]["threshold"], abs=2e-3)


def test_settings_come_back_from_their_record_without_keys_that_are_gone() -> None:
    settings = TrainSettings(size=96, epochs=2)
    record = {**asdict(settings), "gone": 2}
    record["augmentation"]["gone"] = 1
    assert TrainSettings.from_record(record) == settings
