import json
from pathlib import Path

import pytest

from pneumonia.decode.limits import Limits
from pneumonia.errors import ModelError, TooLarge, UnsupportedFormat
from pneumonia.predictor import Predictor, process_predictor
from pneumonia.settings import Settings
from tests.conftest import ImageBytes, MakeArtifacts
from tests.unit.decode.conftest import dataset_of, encoded, film12


def test_a_prediction_has_exactly_the_fields_of_the_contract(predictor: Predictor, image_bytes: ImageBytes) -> None:
    answer = predictor.predict(image_bytes(grey=255), request_id="id-1", heatmap=False)
    body = answer.body
    assert list(body) == [
        "normal", "pneumonia", "label", "triage", "threshold", "calibrated_prevalence", "model",
        "in_training_population", "forced", "image", "timing_ms", "request_id", "notice",
    ]  # fmt: skip
    assert (body["label"], body["triage"], body["threshold"]) == ("pneumonia", "likely_pneumonia", 0.4)
    assert body["model"] == predictor.card.identity()
    assert body["image"] == {
        "format": "PNG",
        "width": 96,
        "height": 72,
        "photometric_interpretation": None,
        "bits_stored": None,
        "window": None,
        "inverted": False,
        "sop_instance_uid": None,
        "study_instance_uid": None,
        "warnings": ["low_contrast"],
    }
    assert body["request_id"] == "id-1"
    assert body["notice"] == predictor.card.notice
    assert answer.heatmap_png is None
    json.dumps(body, allow_nan=False)


@pytest.mark.parametrize("grey", range(0, 256, 15))
def test_probabilities_sum_to_one(predictor: Predictor, image_bytes: ImageBytes, grey: int) -> None:
    body = predictor.predict(image_bytes(grey=grey), request_id="id", heatmap=False).body
    assert body["normal"] + body["pneumonia"] == pytest.approx(1, abs=1e-9)
    assert body["label"] == ("pneumonia" if body["pneumonia"] >= body["threshold"] else "normal")


def test_timing_has_its_parts(predictor: Predictor, image_bytes: ImageBytes) -> None:
    timing = predictor.predict(image_bytes(), request_id="id", heatmap=True).body["timing_ms"]
    assert set(timing) == {"decode", "preprocess", "model", "total"}
    assert all(value >= 0 for value in timing.values())
    # Each part is rounded to 0.01 ms, so the sum may differ a little.
    assert timing["total"] >= timing["decode"] + timing["preprocess"] + timing["model"] - 0.02


def test_heatmap_on_demand(predictor: Predictor, image_bytes: ImageBytes) -> None:
    png = predictor.predict(image_bytes(), request_id="id", heatmap=True).heatmap_png
    assert png is not None
    assert png.startswith(b"\x89PNG")


def test_limits_come_from_the_settings(artifacts: Path, image_bytes: ImageBytes) -> None:
    predictor = Predictor.load(Settings(model_dir=artifacts, max_image_bytes=10_000, max_image_pixels=99))
    assert predictor.limits == Limits(10_000, 99, min_image_side=64)
    with pytest.raises(TooLarge):
        predictor.predict(image_bytes(size=(10, 10)), request_id="id", heatmap=False)
    with pytest.raises(UnsupportedFormat):
        predictor.predict(b"text", request_id="id", heatmap=False)


def test_self_test_passes_on_the_golden_input(predictor: Predictor) -> None:
    predictor.self_test()


def change_golden(directory: Path, **changes: object) -> Predictor:
    document = json.loads((directory / "card.json").read_text())
    document["golden"] |= changes
    (directory / "card.json").write_text(json.dumps(document))
    return Predictor.load(Settings(model_dir=directory))


def test_self_test_fails_on_another_logit(make_artifacts: MakeArtifacts) -> None:
    predictor = change_golden(make_artifacts(), logit=-1.0)
    with pytest.raises(ModelError, match="Self-test failed"):
        predictor.self_test()


def test_self_test_fails_without_its_input(make_artifacts: MakeArtifacts) -> None:
    predictor = change_golden(make_artifacts(), file="gone.png")
    with pytest.raises(ModelError, match="golden input"):
        predictor.self_test()


def test_self_test_fails_on_a_damaged_input(make_artifacts: MakeArtifacts) -> None:
    directory = make_artifacts()
    (directory / "golden.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(ModelError, match="cannot be decoded"):
        Predictor.load(Settings(model_dir=directory)).self_test()


@pytest.mark.usefixtures("tiny_service")
def test_process_predictor_is_loaded_once() -> None:
    assert process_predictor() is process_predictor()


def test_process_predictor_tries_again_after_a_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, artifacts: Path
) -> None:
    monkeypatch.setenv("MODEL_DIR", str(tmp_path / "card-to-come"))
    with pytest.raises(ModelError):
        process_predictor()
    (tmp_path / "card-to-come").symlink_to(artifacts)
    assert process_predictor().card.name == "tiny-grey"


@pytest.mark.parametrize(
    ("elements", "warned"), [({"PatientAge": "047Y"}, []), ({"ViewPosition": "LL"}, ["view_not_frontal"])]
)
def test_a_header_can_put_an_image_outside_the_population_and_is_not_quoted(
    predictor: Predictor, elements: dict[str, str], warned: list[str]
) -> None:
    known = predictor.predict(encoded(dataset_of(film12())), request_id="id", heatmap=False, force=True).body
    body = predictor.predict(encoded(dataset_of(film12(), **elements)), request_id="id", heatmap=False, force=True).body
    assert body["in_training_population"] is False
    added = set(body["image"]["warnings"]) - set(known["image"]["warnings"])
    assert added == {*warned, "outside_training_population"} - set(known["image"]["warnings"])
    assert "047Y" not in json.dumps(body)
    assert "other_population" not in body["image"]
