import json
from collections.abc import Callable
from typing import Any

import pytest

from pneumonia_cli.local import poller as module
from pneumonia_cli.local.cloud import Cloud
from pneumonia_cli.local.functions import worker_context
from pneumonia_cli.local.names import RESULT_BUCKET, UPLOAD_BUCKET
from pneumonia_cli.local.poller import Poller
from pneumonia_cli.stack.settings import MAX_RECEIVES, StackSettings
from tests.conftest import LoadEvent

NewPoller = Callable[..., Poller]


@pytest.fixture
def new_poller(cloud: Cloud, settings: StackSettings, monkeypatch: pytest.MonkeyPatch) -> NewPoller:
    """A poller on an empty queue with the given handler. Failed messages are due again at once."""
    monkeypatch.setattr(module, "RETRY_SECONDS", 0)
    cloud.sqs.purge_queue(QueueUrl=cloud.queue_url)

    def make(handler: Callable[[Any, Any], Any], batch_size: int = 10) -> Poller:
        return Poller(cloud, handler, worker_context(settings), batch_size)

    return make


def send(cloud: Cloud, *bodies: str) -> None:
    for body in bodies:
        cloud.sqs.send_message(QueueUrl=cloud.queue_url, MessageBody=body)


def bodies(event: dict[str, Any]) -> list[str]:
    return sorted(record["body"] for record in event["Records"])


def test_records_have_the_shape_that_lambda_gives_them(
    cloud: Cloud, new_poller: NewPoller, load_event: LoadEvent
) -> None:
    events: list[dict[str, Any]] = []
    send(cloud, "hello")
    assert new_poller(lambda event, _context: events.append(event)).poll() == 1
    (record,) = events[0]["Records"]
    (recorded,) = load_event("sqs_s3_put")["Records"]
    assert record.keys() == recorded.keys()
    assert record["attributes"].keys() >= recorded["attributes"].keys()
    assert record["eventSource"] == recorded["eventSource"]
    assert record["eventSourceARN"] == cloud.queue_arn
    assert record["attributes"]["ApproximateReceiveCount"] == "1"


def test_batches_are_no_larger_than_asked(cloud: Cloud, new_poller: NewPoller) -> None:
    send(cloud, *(str(number) for number in range(5)))
    sizes: list[int] = []
    poller = new_poller(lambda event, _context: sizes.append(len(event["Records"])), batch_size=2)
    while poller.poll():
        pass
    assert sizes == [2, 2, 1]


@pytest.mark.parametrize("answer", [None, {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_success_removes_the_messages(cloud: Cloud, new_poller: NewPoller, answer: Any) -> None:
    send(cloud, "a", "b")
    poller = new_poller(lambda _event, _context: answer)
    assert poller.poll() == 2
    assert poller.poll() == 0
    assert cloud.dead_letters() == 0


def test_only_failed_messages_are_delivered_again_until_they_are_dead_letters(
    cloud: Cloud, new_poller: NewPoller
) -> None:
    send(cloud, "good", "bad")
    seen: list[list[str]] = []

    def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
        seen.append(bodies(event))
        failed = [record["messageId"] for record in event["Records"] if record["body"] == "bad"]
        return {"batchItemFailures": [{"itemIdentifier": name} for name in failed]}

    poller = new_poller(handler)
    while poller.poll():
        pass
    assert seen == [["bad", "good"], *[["bad"]] * (MAX_RECEIVES - 1)]
    assert cloud.dead_letters() == 1


@pytest.mark.parametrize(
    "answer",
    [
        "no dictionary",
        {"batchItemFailures": "no list"},
        {"batchItemFailures": [{"itemIdentifier": ""}]},
        {"batchItemFailures": [{"itemIdentifier": None}]},
        {"batchItemFailures": [{"wrong": "name"}]},
        {"batchItemFailures": [{"itemIdentifier": "of another batch"}]},
    ],
)
def test_a_malformed_answer_fails_the_whole_batch(cloud: Cloud, new_poller: NewPoller, answer: Any) -> None:
    send(cloud, "a", "b")
    poller = new_poller(lambda _event, _context: answer)
    assert [poller.poll() for _ in range(MAX_RECEIVES + 1)] == [2] * MAX_RECEIVES + [0]
    assert cloud.dead_letters() == 2


def test_a_handler_that_raises_fails_the_whole_batch_and_polling_goes_on(
    cloud: Cloud, new_poller: NewPoller, caplog: pytest.LogCaptureFixture
) -> None:
    def handler(_event: Any, _context: Any) -> None:
        raise RuntimeError("out of order")

    send(cloud, "a", "b")
    poller = new_poller(handler)
    assert [poller.poll() for _ in range(MAX_RECEIVES + 1)] == [2] * MAX_RECEIVES + [0]
    assert cloud.dead_letters() == 2
    assert "the worker raised" in caplog.text


def test_from_upload_to_result_in_the_background(
    cloud: Cloud, poller: Poller, image_bytes: Callable[..., bytes]
) -> None:
    with poller.running():
        cloud.s3.put_object(Bucket=UPLOAD_BUCKET, Key="a b/ü+1.png", Body=image_bytes(200))
        waiter = cloud.s3.get_waiter("object_exists")
        waiter.wait(Bucket=RESULT_BUCKET, Key="a b/ü+1.png.json", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    stored = cloud.s3.get_object(Bucket=RESULT_BUCKET, Key="a b/ü+1.png.json")
    with stored["Body"] as body:
        result = json.loads(body.read())
    assert result["status"] == "predicted"
    assert result["source"]["key"] == "a b/ü+1.png"
