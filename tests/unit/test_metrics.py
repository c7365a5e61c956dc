import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aws_lambda_powertools.metrics import MetricUnit
from PIL import Image

from pneumonia import metrics
from pneumonia.handlers import api, worker
from pneumonia.http import auth, predictions
from pneumonia.http.auth import TokenStore
from pneumonia.http.token_secret import KnownToken, digest_of
from pneumonia.predictor import process_predictor
from tests.conftest import RESULTS, UPLOADS, HttpEvent, ImageBytes, LoadEvent

Records = Callable[[], list[dict[str, Any]]]

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


@pytest.fixture(autouse=True)
def stack(tiny_service: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACK_NAME", "Ward3")
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "pneumonia-api")
    monkeypatch.setenv("AUTH_MODE", "none")
    monkeypatch.setattr(metrics, "_cold", False)


@pytest.fixture
def records(capsys: pytest.CaptureFixture[str]) -> Records:
    """Return the records written since the last call, without the log lines on standard output."""

    def read() -> list[dict[str, Any]]:
        lines = capsys.readouterr().out.splitlines()
        return [record for record in map(json.loads, lines) if "_aws" in record]

    return read


def values(record: dict[str, Any], *dimensions: str) -> dict[str, tuple[str, float]]:
    """Return the unit and the value of each metric that CloudWatch extracts from a record for some dimensions.

    This also checks the rules of the embedded metric format.
    """
    (directive,) = record["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "PneumoniaTriage"
    assert isinstance(record["_aws"]["Timestamp"], int)
    assert list(dimensions) in directive["Dimensions"]
    for name in (name for names in directive["Dimensions"] for name in names):
        assert re.fullmatch(r"[\x21-\x7e]{1,1024}", record[name])
    assert len(directive["Metrics"]) <= 100
    found = {}
    for metric in directive["Metrics"]:
        assert re.fullmatch(r"[A-Za-z]{1,255}", metric["Name"])
        assert metric["Unit"] in {unit.value for unit in MetricUnit}
        (value,) = record[metric["Name"]]
        found[metric["Name"]] = (metric["Unit"], value)
    return found


def test_a_prediction_is_counted_with_its_values(
    records: Records, http_event: HttpEvent, image_bytes: ImageBytes, lambda_context: Any
) -> None:
    answer = json.loads(api.handler(http_event(body=image_bytes(grey=255)), lambda_context)["body"])
    (record,) = records()
    assert record["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [
        ["Stack", "Function"],
        ["Stack", "Function", "ModelVersion"],
    ]
    assert (record["Stack"], record["Function"], record["ModelVersion"]) == ("Ward3", "api", "0.0.1")
    assert values(record, "Stack", "Function") == {
        "Predictions": ("Count", 1),
        "LabelNormal": ("Count", 0),
        "LabelPneumonia": ("Count", 1),
        "TriageLikelyNormal": ("Count", 0),
        "TriageIndeterminate": ("Count", 0),
        "TriageLikelyPneumonia": ("Count", 1),
        "Score": ("None", answer["pneumonia"]),
        "DecodeTime": ("Milliseconds", answer["timing_ms"]["decode"]),
        "ModelTime": ("Milliseconds", answer["timing_ms"]["model"]),
    }


@pytest.mark.parametrize(
    ("grey", "outside"), [(64, 0), (90, 1)], ids=["of the training population", "of another population"]
)
def test_an_image_of_another_population_is_counted(
    records: Records,
    http_event: HttpEvent,
    image_bytes: ImageBytes,
    lambda_context: Any,
    make_artifacts: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    grey: int,
    outside: int,
) -> None:
    monkeypatch.setenv("MODEL_DIR", str(make_artifacts({"gate": True})))
    image = Image.fromarray(np.tile(np.linspace(grey + 18, grey - 18, 80).astype(np.uint8)[:, None], (1, 64)))
    answer = api.handler(http_event(body=image_bytes(image=image)), lambda_context)
    assert json.loads(answer["body"])["in_training_population"] is not bool(outside)
    (record,) = records()
    assert values(record, "Stack", "Function", "ModelVersion")["OutsidePopulation"] == ("Count", outside)


def test_a_refused_image_is_counted_by_its_code(records: Records, http_event: HttpEvent, lambda_context: Any) -> None:
    process_predictor()
    for event in (http_event(body=b"no image"), {"image": "bm8gaW1hZ2U="}, http_event(), {}):
        api.handler(event, lambda_context)
    found = records()
    assert [record["Code"] for record in found] == [
        "unsupported_format",
        "unsupported_format",
        "missing_image",
        "missing_image",
    ]
    for record in found:
        assert values(record, "Stack", "Function", "Code") == {"Rejections": ("Count", 1)}
        assert values(record, "Stack", "Function", "ModelVersion") == {"Rejections": ("Count", 1)}
        assert record["ModelVersion"] == "0.0.1"


def test_a_refusal_before_the_model_was_loaded_names_no_version(
    records: Records, http_event: HttpEvent, lambda_context: Any
) -> None:
    api.handler(http_event(body=b""), lambda_context)
    (record,) = records()
    assert record["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [
        ["Stack", "Function"],
        ["Stack", "Function", "Code"],
    ]


def test_only_refused_images_are_counted_as_rejections(
    records: Records, http_event: HttpEvent, lambda_context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for method, path in (("GET", "/health"), ("GET", "/nowhere"), ("DELETE", "/predict"), ("GET", "/results/none")):
        api.handler(http_event(method, path), lambda_context)

    def explode(*_arguments: Any) -> None:
        raise RuntimeError("ours")

    monkeypatch.setattr(predictions, "from_http", explode)
    assert api.handler(http_event(body=b"x"), lambda_context)["statusCode"] == 500
    assert records() == []


def test_a_request_is_counted_by_the_name_of_its_token(
    records: Records, http_event: HttpEvent, lambda_context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = "w" * 48
    known = TokenStore(lambda: [KnownToken("ward-3", digest_of(token))])
    replaced: Any = lambda: known  # noqa: E731
    replaced.cache_clear = lambda: None  # the fixture that cleans up calls it
    monkeypatch.setattr(auth, "token_store", replaced)
    monkeypatch.setenv("AUTH_MODE", "token")
    monkeypatch.setenv("AUTH_SECRET_ID", "unread")
    for given in (token, "x" * 48):
        api.handler(
            http_event(path="/model", method="GET", headers={"authorization": f"Bearer {given}"}), lambda_context
        )
    api.handler(http_event(path="/config", method="GET", headers={"authorization": f"Bearer {token}"}), lambda_context)
    (record,) = records()
    assert values(record, "Stack", "Function", "Caller") == {"Requests": ("Count", 1)}
    assert (record["Function"], record["Caller"]) == ("api", "ward-3")
    assert token not in json.dumps(record)
    assert "ModelVersion" not in record


def test_cold_start_is_counted_once(
    records: Records, http_event: HttpEvent, lambda_context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "_cold", True)
    for _ in range(2):
        api.handler(http_event("GET", "/health"), lambda_context)
    (record,) = records()
    assert values(record, "Stack", "Function") == {"ColdStarts": ("Count", 1)}
    assert record["Function"] == "api"


def test_a_provisioned_instance_is_not_a_cold_start(records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "_cold", True)
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "provisioned-concurrency")
    metrics.cold_start(metrics.WORKER)
    assert records() == []


@pytest.mark.parametrize(("name", "value"), [("STACK_NAME", ""), ("MAX_FRAMES", "many")])
def test_nothing_is_written_without_a_stack_or_with_settings_that_cannot_be_read(
    records: Records,
    http_event: HttpEvent,
    image_bytes: ImageBytes,
    lambda_context: Any,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: str,
) -> None:
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(metrics, "_cold", True)
    assert api.handler(http_event(body=image_bytes()), lambda_context)["statusCode"] == (500 if value else 200)
    assert records() == []


def test_the_worker_counts_each_result_once(
    records: Records,
    image_bytes: ImageBytes,
    lambda_context: Any,
    s3: Any,
    load_event: LoadEvent,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RESULTS_BUCKET", RESULTS)
    monkeypatch.setattr(metrics, "_cold", True)
    event = load_event("sqs_s3_put_versioned")
    message = json.loads(event["Records"][0]["body"])
    for data, sequencer in ((image_bytes(grey=255), "0A"), (b"no image", "0B")):
        reply = s3.put_object(Bucket=UPLOADS, Key="jane-doe.png", Body=data)
        message["Records"][0]["s3"]["object"] = {
            "key": "jane-doe.png",
            "eTag": reply["ETag"].strip('"'),
            "sequencer": sequencer,
        }
        event["Records"][0]["body"] = json.dumps(message)
        for _ in range(2):
            assert worker.handler(event, lambda_context)["batchItemFailures"] == []
    written = records()
    assert [next(iter(values(record, "Stack", "Function"))) for record in written] == [
        "ColdStarts",
        "Predictions",
        "Rejections",
    ]
    assert {record["Function"] for record in written} == {"worker"}
    assert written[2]["Code"] == "unsupported_format"
    assert "jane-doe" not in json.dumps(written)


def test_metrics_are_those_of_the_documentation() -> None:
    section = OPERATIONS.read_text(encoding="utf-8").partition("## Metrics")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.+?) \| (Count|Milliseconds|None) \|", section, re.M)
    described = {name: unit for names, unit in rows for name in re.findall(r"`(\w+)`", names)}
    assert described == {
        "Predictions": metrics.COUNT,
        **dict.fromkeys(metrics.LABELS.values(), metrics.COUNT),
        **dict.fromkeys(metrics.TRIAGES.values(), metrics.COUNT),
        "Score": metrics.NO_UNIT,
        "OutsidePopulation": metrics.COUNT,
        "DecodeTime": metrics.MILLISECONDS,
        "ModelTime": metrics.MILLISECONDS,
        "Rejections": metrics.COUNT,
        "ColdStarts": metrics.COUNT,
        "Requests": metrics.COUNT,
    }
    assert f"`{metrics.NAMESPACE}`" in section
