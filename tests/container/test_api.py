"""The API function inside the container image."""

import base64
import io
import json
from typing import Any

import pytest
from PIL import Image

from tests.conftest import HttpEvent, LoadEvent
from tests.container.conftest import ROOT, Function, docker

pytestmark = pytest.mark.container


@pytest.fixture(scope="module")
def card() -> dict[str, Any]:
    """The card of this tree, from which the container image was built."""
    document: dict[str, Any] = json.loads((ROOT / "model_artifacts" / "card.json").read_text(encoding="utf-8"))
    return document


def test_predicts_the_image_of_a_function_url_event(
    api: Function, load_event: LoadEvent, xray: bytes, card: dict[str, Any]
) -> None:
    event = load_event("function_url_iam")
    event["body"] = base64.b64encode(xray).decode()
    response = api.invoke(event)
    assert response["statusCode"] == 200
    answer = json.loads(response["body"])
    assert answer["normal"] + answer["pneumonia"] == pytest.approx(1)
    assert answer["label"] == "pneumonia"
    assert (answer["model"]["name"], answer["model"]["version"]) == (card["name"], card["version"])
    image = answer["image"]
    assert (image["format"], image["width"], image["height"], image["warnings"]) == ("PNG", 512, 512, [])
    assert answer["in_training_population"] is True
    assert answer["notice"] == card["notice"]
    assert base64.b64decode(answer["heatmap"]["data"]).startswith(b"\x89PNG")


@pytest.mark.parametrize("kind", ["TIFF", "WEBP"])
def test_slow_decoders_run_in_a_separate_process(api: Function, http_event: HttpEvent, xray: bytes, kind: str) -> None:
    stream = io.BytesIO()
    with Image.open(io.BytesIO(xray)) as image:
        image.save(stream, kind, **({"lossless": True} if kind == "WEBP" else {}))
    answers = []
    for body in (xray, stream.getvalue()):
        response = api.invoke(http_event("POST", "/predict", body=body, content_type="application/octet-stream"))
        assert response["statusCode"] == 200
        answers.append(json.loads(response["body"]))
    assert answers[0]["pneumonia"] == answers[1]["pneumonia"]
    assert answers[1]["image"]["format"].upper() == kind


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"%PDF-1.7 not an image", 415, "unsupported_format"),
        (b"\x89PNG\r\n\x1a\n broken off", 422, "undecodable_image"),
    ],
)
def test_refuses_a_bad_image(api: Function, http_event: HttpEvent, body: bytes, status: int, code: str) -> None:
    response = api.invoke(http_event("POST", "/predict", body=body, content_type="image/png"))
    assert response["statusCode"] == status
    problem = json.loads(response["body"])
    assert problem["code"] == code
    assert problem.keys().isdisjoint({"normal", "pneumonia", "label"})


def test_answers_a_direct_invoke_with_a_plain_object(api: Function, xray: bytes) -> None:
    answer = api.invoke({"image": base64.b64encode(xray).decode()})
    assert answer["label"] == "pneumonia"


def test_is_healthy(api: Function, http_event: HttpEvent) -> None:
    response = api.invoke(http_event("GET", "/health"))
    assert response["statusCode"] == 200, response["body"]
    assert json.loads(response["body"])["self_test"] == "passed"


def test_shows_the_card_of_this_tree(api: Function, http_event: HttpEvent, card: dict[str, Any]) -> None:
    response = api.invoke(http_event("GET", "/model"))
    assert json.loads(response["body"]) == card


def test_sends_no_telemetry(api: Function, http_event: HttpEvent) -> None:
    """The telemetry of onnxruntime, if enabled, warns that it cannot store its device id on a read-only system."""
    api.invoke(http_event("GET", "/health"))
    assert "telemetry" not in api.log()


def test_logs_no_image_and_stays_within_its_memory(api: Function, xray: bytes) -> None:
    encoded = base64.b64encode(xray).decode()
    api.invoke({"image": encoded})
    log = api.log()
    assert "predicted" in log
    assert encoded[:64] not in log
    assert docker("inspect", "--format={{.State.OOMKilled}}", api.container) == "false"
