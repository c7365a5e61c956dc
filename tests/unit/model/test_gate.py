"""The verdicts of the gate, and whole predictions with the tiny gate of tests/conftest.py."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from pneumonia.errors import ModelError, NotAChestXray, WrongOrientation
from pneumonia.model.card import POSES, Card, GateSpec
from pneumonia.model.gate import GateScores, Verdict, hypothesis, in_training_population, judge, refusal, undone
from pneumonia.model.sessions import Model, ModelOutput
from pneumonia.predictor import Predictor
from pneumonia.settings import Settings

LIMITS = GateSpec(distance=2.0, population=0.0)


@pytest.fixture
def gated(make_artifacts: Callable[..., Path]) -> Predictor:
    return Predictor.load(Settings(model_dir=make_artifacts({"gate": True}, {"size": 64})))


def xray(mean: int = 64, slope: int = 36) -> Image.Image:
    """Return an image that the tiny gate takes for an upright X-ray: brightest at the top."""
    rows = np.linspace(mean + slope, mean - slope, 96)
    return Image.fromarray(np.repeat(rows[:, None], 96, axis=1).astype(np.uint8))


def png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def answered(predictor: Predictor, image: Image.Image, **options: Any) -> dict[str, Any]:
    return predictor.predict(png(image), request_id="id", heatmap=True, **options).body


@pytest.mark.parametrize(
    ("distance", "pose", "verdict"),
    [
        (2.0, "upright", Verdict.XRAY),
        (2.01, "upright", Verdict.OTHER),
        (1.0, "inverted", Verdict.CHANGED),
        (1.0, "turned_90", Verdict.CHANGED),
        (9.0, "turned_90", Verdict.OTHER),
    ],
)
def test_verdict(distance: float, pose: str, verdict: Verdict) -> None:
    assert judge(GateScores(distance, 0.0, POSES.index(pose)), LIMITS) is verdict


def test_an_upright_image_unlike_an_xray_may_be_inverted() -> None:
    assert hypothesis(GateScores(9.0, 0.0, 0)) == "inverted"
    assert [hypothesis(GateScores(9.0, 0.0, k)) for k in range(1, 5)] == list(POSES[1:])


def test_population_limit_is_inclusive() -> None:
    assert in_training_population(GateScores(1.0, 0.0, 0), LIMITS)
    assert not in_training_population(GateScores(1.0, 0.01, 0), LIMITS)


@pytest.mark.parametrize(
    ("pose", "turn"),
    [
        ("turned_90", Image.Transpose.ROTATE_90),
        ("upside_down", Image.Transpose.ROTATE_180),
        ("turned_270", Image.Transpose.ROTATE_270),
    ],
)
def test_turns_are_counter_clockwise_and_are_taken_back(pose: str, turn: Image.Transpose) -> None:
    image = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4))
    assert undone(image.transpose(turn), pose).tobytes() == image.tobytes()


def test_inversion_is_taken_back() -> None:
    assert undone(Image.new("L", (2, 2), 10), "inverted").getpixel((0, 0)) == 245


def test_refusals_have_separate_codes() -> None:
    assert refusal(None).code == "not_a_chest_xray"
    assert "upside down" in refusal("upside_down").detail
    assert "rotated by 90 degrees" in refusal("turned_90").detail


def test_an_xray_is_predicted(gated: Predictor) -> None:
    body = answered(gated, xray())
    assert (body["in_training_population"], body["forced"]) == (True, False)
    assert body["image"]["warnings"] == []


def test_an_xray_of_another_population_is_flagged_and_predicted(gated: Predictor) -> None:
    body = answered(gated, xray(mean=90))
    assert body["in_training_population"] is False
    assert body["image"]["warnings"] == ["outside_training_population"]


def test_an_inverted_xray_is_inverted_back_and_flagged(gated: Predictor) -> None:
    # No side is brighter than another, so it looks upright before and after the inversion.
    pixels = np.full((96, 96), 54, dtype=np.uint8)
    pixels[24:72, 24:72] = 94
    even = Image.fromarray(pixels)
    upright = answered(gated, even)
    body = answered(gated, undone(even, "inverted"))
    assert body["pneumonia"] == upright["pneumonia"]
    assert body["image"]["inverted"] is True
    assert body["image"]["warnings"] == ["low_contrast", "film_inverted"]  # it has only two grey levels


@pytest.mark.parametrize("turn", [Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270])
def test_a_rotated_xray_is_refused_unless_forced(gated: Predictor, turn: Image.Transpose) -> None:
    turned = xray().transpose(turn)
    with pytest.raises(WrongOrientation):
        answered(gated, turned)
    body = answered(gated, turned, force=True)
    assert body["forced"] is True
    assert body["image"]["warnings"] == ["wrong_orientation"]


def test_another_image_is_refused_unless_forced(gated: Predictor) -> None:
    other = xray(mean=180, slope=60).transpose(Image.Transpose.ROTATE_90)
    with pytest.raises(NotAChestXray, match="force=true"):
        answered(gated, other)
    assert answered(gated, other, force=True)["image"]["warnings"] == [
        "not_a_chest_xray", "outside_training_population",
    ]  # fmt: skip


class Scripted:
    """A model that always returns the same logit, with the given gate scores in turn."""

    enough = 64

    def __init__(self, *scores: GateScores) -> None:
        self._scores = iter(scores)

    def prepare(self, images: list[Image.Image]) -> list[Any]:
        return [images]

    def run(self, _batches: list[Any]) -> list[ModelOutput]:
        return [ModelOutput(1.0, np.zeros((4, 4), np.float32), next(self._scores))]


def test_after_a_false_alarm_about_the_pose_the_image_is_predicted_as_sent(gated: Predictor) -> None:
    turned, upside_down = (GateScores(0.1, -1.0, POSES.index(pose)) for pose in ("turned_90", "upside_down"))
    model = cast(Model, Scripted(turned, upside_down))
    predictor = Predictor(gated.card, model, Path(), gated.limits)
    assert answered(predictor, xray())["image"]["warnings"] == []


def test_without_a_gate_everything_is_predicted(predictor: Predictor) -> None:
    body = answered(predictor, xray().transpose(Image.Transpose.ROTATE_90))
    assert body["in_training_population"] is None


def test_a_card_with_a_gate_requires_a_graph_with_a_gate(make_artifacts: Callable[..., Path]) -> None:
    card = Card.load(make_artifacts({"gate": True}))
    plain = _with_gate(make_artifacts({}), card)
    with pytest.raises(ModelError, match="gate_distance"):
        Predictor.load(Settings(model_dir=plain))


def _with_gate(folder: Path, card: Card) -> Path:
    document = json.loads((folder / "card.json").read_text())
    document["gate"] = card.document["gate"]
    (folder / "card.json").write_text(json.dumps(document))
    return folder


@pytest.mark.parametrize("poses", [None, [], list(POSES[::-1])])
def test_a_card_with_other_poses_is_refused(artifacts: Path, poses: Any) -> None:
    document = Card.load(artifacts).document | {
        "gate": {"distance_threshold": 1.0, "population_threshold": 1.0, "poses": poses}
    }
    with pytest.raises(ModelError, match=r"gate\.poses"):
        Card.from_document(document)
