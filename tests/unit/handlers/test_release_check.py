import base64
import io
import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import ANY, Stubber

from pneumonia import aws
from pneumonia.errors import ModelError
from pneumonia.handlers import api, release_check, worker
from pneumonia.handlers.release_check import Hook, ReleaseRefusedError
from pneumonia.model.card import Card
from pneumonia.predictor import Predictor, process_predictor
from pneumonia.settings import Settings, process_settings
from tests.conftest import ImageBytes, MakeArtifacts

VERSION = "arn:aws:lambda:eu-central-1:123456789012:function:worker:7"
HOOK: Hook = {"DeploymentId": "d-1", "LifecycleEventHookExecutionId": "hook-1"}
GREY = 223


@pytest.fixture
def release(make_artifacts: MakeArtifacts, image_bytes: ImageBytes) -> Callable[..., Path]:
    """Make artifacts whose golden input is an image, with the logit that their model gives for it."""

    def make(**member: Any) -> Path:
        folder = make_artifacts(member)
        (folder / "golden.png").write_bytes(image_bytes(grey=GREY))
        model = Predictor.load(Settings(model_dir=folder))
        answer = model.predict((folder / "golden.png").read_bytes(), request_id="id", heatmap=False)
        document = json.loads((folder / "card.json").read_text())
        # The tiny card does not calibrate, so the logit follows from the probability.
        odds = answer.body["pneumonia"] / (1 - answer.body["pneumonia"])
        document["golden"] |= {"logit": round(math.log(odds), 3), "tolerance": 0.05}
        (folder / "card.json").write_text(json.dumps(document))
        return folder

    return make


@pytest.fixture
def deployed(release: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, aws_credentials: None) -> Path:
    """Set up the check as it is deployed, with the artifacts of its container image."""
    folder = release()
    monkeypatch.setenv("MODEL_DIR", str(folder))
    monkeypatch.setenv("CHECKED_VERSION", VERSION)
    return folder


def card_of(folder: Path) -> Card:
    return Card.load(folder)


def answer_of(folder: Path) -> dict[str, Any]:
    """Return the prediction of a version with these artifacts for their golden input."""
    data = (folder / "golden.png").read_bytes()
    return Predictor.load(Settings(model_dir=folder)).predict(data, request_id="id", heatmap=False).body


class Deployment:
    """Stubs of CodeDeploy and Lambda. Every request is checked against their service descriptions."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.codedeploy = boto3.client("codedeploy")
        self.lambda_ = boto3.client("lambda")
        self.patience: list[float] = []
        self.reports = Stubber(self.codedeploy)
        self.calls = Stubber(self.lambda_)
        monkeypatch.setattr(aws, "codedeploy", lambda: self.codedeploy)
        monkeypatch.setattr(aws, "lambda_for_one_call", self._client)

    def _client(self, seconds: float) -> Any:
        self.patience.append(seconds)
        return self.lambda_

    def version_answers(self, answer: Any, **more: Any) -> None:
        self.calls.add_response("get_function_configuration", {"State": "Active"}, {"FunctionName": VERSION})
        body = json.dumps(answer).encode()
        payload = StreamingBody(io.BytesIO(body), len(body))
        self.calls.add_response(
            "invoke", {"StatusCode": 200, "Payload": payload, **more}, {"FunctionName": VERSION, "Payload": ANY}
        )

    def expect(self, status: str) -> None:
        self.reports.add_response(
            "put_lifecycle_event_hook_execution_status",
            {"lifecycleEventHookExecutionId": HOOK["LifecycleEventHookExecutionId"]},
            {"deploymentId": "d-1", "lifecycleEventHookExecutionId": "hook-1", "status": status},
        )


@pytest.fixture
def deployment(deployed: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Deployment]:
    made = Deployment(monkeypatch)
    with made.reports, made.calls:
        yield made
    made.reports.assert_no_pending_responses()
    made.codedeploy.close()
    made.lambda_.close()


def run(context: Any) -> dict[str, str]:
    return release_check.handler(HOOK, context)


def test_a_version_whose_prediction_matches_the_card_gets_traffic(
    deployment: Deployment, deployed: Path, lambda_context: Any
) -> None:
    deployment.version_answers(answer_of(deployed))
    deployment.expect("Succeeded")
    assert run(lambda_context) == {"status": "Succeeded"}
    deployment.calls.assert_no_pending_responses()


def test_it_stops_waiting_while_there_is_time_to_report(
    deployment: Deployment, deployed: Path, lambda_context: Any
) -> None:
    deployment.version_answers(answer_of(deployed))
    deployment.expect("Succeeded")
    run(lambda_context)
    assert all(0 < patience < lambda_context.get_remaining_time_in_millis() / 1000 for patience in deployment.patience)


class Clock:
    """A clock that advances only during sleep."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 0.0
        monkeypatch.setattr("time.monotonic", lambda: self.now)
        monkeypatch.setattr("time.sleep", self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_version_that_stays_pending_is_reported_in_time(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    for _ in range(400):
        deployment.calls.add_response("get_function_configuration", {"State": "Pending"}, {"FunctionName": VERSION})
    with pytest.raises(ReleaseRefusedError, match="still pending"):
        release_check.check(VERSION, 60)
    assert clock.now < 60


def test_a_version_that_is_inactive_is_asked_again(
    deployment: Deployment, deployed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = json.dumps(answer_of(deployed)).encode()
    clock = Clock(monkeypatch)
    deployment.calls.add_response("get_function_configuration", {"State": "Inactive"}, {"FunctionName": VERSION})
    for _ in range(3):
        deployment.calls.add_client_error("invoke", "CodeArtifactUserPendingException", http_status_code=409)
    answer = {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(body), len(body))}
    deployment.calls.add_response("invoke", answer, {"FunctionName": VERSION, "Payload": ANY})
    release_check.check(VERSION, 60)
    assert 0 < clock.now < 60
    deployment.calls.assert_no_pending_responses()


def test_a_version_that_stays_inactive_is_reported_in_time(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch)
    deployment.calls.add_response("get_function_configuration", {"State": "Inactive"}, {"FunctionName": VERSION})
    for _ in range(400):
        deployment.calls.add_client_error("invoke", "CodeArtifactUserPendingException", http_status_code=409)
    with pytest.raises(ReleaseRefusedError, match="still inactive"):
        release_check.check(VERSION, 60)
    assert clock.now < 60


def test_the_golden_input_is_sent(deployment: Deployment, deployed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []
    deployment.version_answers(answer_of(deployed))
    invoke = deployment.lambda_.invoke

    def listen(**parameters: Any) -> Any:
        sent.append(json.loads(parameters["Payload"]))
        return invoke(**parameters)

    monkeypatch.setattr(deployment.lambda_, "invoke", listen)
    release_check.check(VERSION, 10)
    assert [list(event) for event in sent] == [["image"]]
    assert base64.b64decode(sent[0]["image"]) == (deployed / "golden.png").read_bytes()


@pytest.mark.parametrize(
    "spoil",
    [
        {"pneumonia": 0.2},
        {"pneumonia": None},
        {"pneumonia": "0.9"},
        {"label": "normal"},
        {"triage": "likely_normal"},
        {"model": None},
    ],
    ids=str,
)
def test_a_prediction_that_differs_from_the_card_is_refused(
    deployment: Deployment, deployed: Path, lambda_context: Any, spoil: dict[str, Any]
) -> None:
    deployment.version_answers(answer_of(deployed) | spoil)
    deployment.expect("Failed")
    assert run(lambda_context) == {"status": "Failed"}


def test_another_model_is_refused_even_if_its_probability_fits(
    deployment: Deployment, deployed: Path, lambda_context: Any
) -> None:
    other = answer_of(deployed)
    other["model"] = other["model"] | {"sha256": "0" * 64}
    deployment.version_answers(other)
    deployment.expect("Failed")
    assert run(lambda_context) == {"status": "Failed"}


def test_the_tolerance_of_the_card_decides(deployed: Path) -> None:
    card = card_of(deployed)
    answer = answer_of(deployed)
    logit = card.golden.logit
    for off, fits in ((0.0, True), (0.049, True), (-0.049, True), (0.06, False), (-0.06, False)):
        changed = answer | {"pneumonia": round(1 / (1 + math.exp(-(logit + off))), 6)}
        if fits:
            release_check.compare(changed, card)
        else:
            with pytest.raises(ReleaseRefusedError, match="probability"):
                release_check.compare(changed, card)


def test_a_problem_document_is_refused(deployment: Deployment, lambda_context: Any) -> None:
    deployment.version_answers({"code": "model_error", "status": 500, "detail": "…"})
    deployment.expect("Failed")
    assert run(lambda_context) == {"status": "Failed"}


def test_a_version_that_fails_is_refused(deployment: Deployment, lambda_context: Any) -> None:
    deployment.version_answers({"errorMessage": "Task timed out"}, FunctionError="Unhandled")
    deployment.expect("Failed")
    assert run(lambda_context) == {"status": "Failed"}


def test_a_version_that_cannot_be_called_is_refused_and_reported(deployment: Deployment, lambda_context: Any) -> None:
    deployment.calls.add_response("get_function_configuration", {"State": "Active"}, {"FunctionName": VERSION})
    deployment.calls.add_client_error("invoke", "TooManyRequestsException")
    deployment.expect("Failed")
    assert run(lambda_context) == {"status": "Failed"}


def test_without_the_setting_nothing_gets_traffic(
    deployment: Deployment, lambda_context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CHECKED_VERSION")
    deployment.expect("Failed")
    assert run(lambda_context) == {"status": "Failed"}


def test_a_missing_golden_input_is_named(deployed: Path) -> None:
    (deployed / "golden.png").unlink()
    with pytest.raises(ModelError, match=r"golden\.png"):
        release_check.check(VERSION, 10)


@pytest.mark.parametrize("through", ["api", "worker"])
def test_the_functions_pass_with_the_shipped_model(
    through: str, real_artifacts: Path, monkeypatch: pytest.MonkeyPatch, aws_credentials: None, lambda_context: Any
) -> None:
    monkeypatch.setenv("MODEL_DIR", str(real_artifacts))
    process_settings.cache_clear()
    process_predictor.cache_clear()
    handler = {"api": api.handler, "worker": worker.handler}[through]
    event = {"image": base64.b64encode((real_artifacts / "golden.png").read_bytes()).decode()}
    answer = json.loads(json.dumps(handler(event, cast(Any, lambda_context))))
    release_check.compare(answer, Card.load(real_artifacts))
