import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from pneumonia.uploads.events import parse_message
from pneumonia_cli.client.batch import replay
from pneumonia_cli.client.errors import ServiceError
from tests.client.conftest import Pneumonia, Stack
from tests.conftest import ImageBytes

LOCAL = ("--stack", "local")
UPLOADS, RESULTS = "pneumonia-uploads", "pneumonia-results"
KEY = "ward 3/fílm+1.png"


@pytest.fixture(autouse=True)
def one_day() -> None:
    """If midnight is near, wait until it is past. The tests replay the uploads of the current day (UTC)."""
    left = 86_400 - time.time() % 86_400
    if left < 60:
        time.sleep(left)


def today() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%d")


def work_off(stack: Stack) -> None:
    while stack.poller.poll():
        pass


def result(stack: Stack, key: str) -> dict[str, Any]:
    with stack.cloud.s3.get_object(Bucket=RESULTS, Key=f"{key}.json")["Body"] as body:
        document: dict[str, Any] = json.loads(body.read())
    return document


@pytest.fixture
def uploaded(stack: Stack, image_bytes: ImageBytes) -> Stack:
    """Two images with results, one of them uploaded twice; a deleted image, and a folder marker of the console."""
    s3 = stack.cloud.s3
    for key, grey in ((KEY, 200), (KEY, 100), ("other.png", 90), ("gone.png", 80)):
        s3.put_object(Bucket=UPLOADS, Key=key, Body=image_bytes(grey))
    s3.put_object(Bucket=UPLOADS, Key="ward 3/", Body=b"")
    s3.delete_object(Bucket=UPLOADS, Key="gone.png")
    work_off(stack)
    # S3 returns whole seconds, and an upload in the same second takes precedence over the replay.
    time.sleep(1 - time.time() % 1)
    return stack


def test_results_are_made_again_from_the_newest_versions(uploaded: Stack, pneumonia: Pneumonia) -> None:
    old = result(uploaded, KEY)
    ran = pneumonia("replay", "--day", today(), *LOCAL, "--yes", "--json")
    assert (ran.code, json.loads(ran.out)) == (0, {"found": 2, "sent": 2})
    work_off(uploaded)
    new = result(uploaded, KEY)
    assert new["request_id"] != old["request_id"]
    assert new["pneumonia"] == old["pneumonia"]
    assert uploaded.cloud.dead_letters() == 0


def test_a_replay_replaces_the_result_of_an_event_from_aws(uploaded: Stack, pneumonia: Pneumonia) -> None:
    """An event from AWS has a version and a sequencer, which the local cloud leaves out."""
    cloud = uploaded.cloud
    (image,) = [
        f for f in replay.images(cloud.s3, UPLOADS, RESULTS, replay.Replay(datetime.now(UTC).date())) if f.key == KEY
    ]
    body = replay.event(UPLOADS, image, datetime.now(UTC))
    body["Records"][0]["s3"]["object"] |= {"versionId": image.version_id, "sequencer": "0065A1B2C3D4E5F607"}
    cloud.s3.delete_object(Bucket=RESULTS, Key=f"{KEY}.json")
    cloud.sqs.send_message(QueueUrl=cloud.queue_url, MessageBody=json.dumps(body))
    work_off(uploaded)
    old = result(uploaded, KEY)
    assert old["source"]["version_id"] == image.version_id
    time.sleep(1 - time.time() % 1)
    ran = pneumonia("replay", "--day", today(), *LOCAL, "--yes", "--json")
    assert json.loads(ran.out)["sent"] == 2
    work_off(uploaded)
    assert result(uploaded, KEY)["request_id"] != old["request_id"]


def test_without_yes_it_only_counts(uploaded: Stack, pneumonia: Pneumonia) -> None:
    ran = pneumonia("replay", "--day", today(), *LOCAL)
    assert ran.code == 0
    assert f"2 images of {today()}" in ran.out
    assert uploaded.poller.poll() == 0


@pytest.mark.parametrize("days", [-1, 1])
def test_other_days_are_left_alone(uploaded: Stack, pneumonia: Pneumonia, days: int) -> None:
    day = (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%d")
    ran = pneumonia("replay", "--day", day, *LOCAL, "--yes")
    assert (ran.code, uploaded.poller.poll()) == (0, 0)
    assert "There are no images" in ran.out


@pytest.mark.slow
def test_a_prefix_and_only_what_has_no_result(uploaded: Stack, pneumonia: Pneumonia) -> None:
    uploaded.cloud.s3.delete_object(Bucket=RESULTS, Key=f"{KEY}.json")
    for arguments, found in ((["--missing"], 1), (["--missing", "--prefix", "o"], 0), (["--prefix", "o"], 1)):
        ran = pneumonia("replay", "--day", today(), *arguments, *LOCAL, "--json")
        assert json.loads(ran.out) == {"found": found, "sent": 0}


def test_a_newer_upload_wins_over_a_replay(uploaded: Stack, image_bytes: ImageBytes) -> None:
    """In any order: the message of the replay is about the version that was the newest at its start."""
    cloud, day = uploaded.cloud, datetime.now(UTC).date()
    began = replay.server_time(cloud.s3, UPLOADS)
    (image,) = [image for image in replay.images(cloud.s3, UPLOADS, RESULTS, replay.Replay(day)) if image.key == KEY]
    version = cloud.s3.put_object(Bucket=UPLOADS, Key=KEY, Body=image_bytes(30))["VersionId"]
    assert version != image.version_id
    work_off(uploaded)
    newer = result(uploaded, KEY)
    body = json.dumps(replay.event(UPLOADS, image, began - timedelta(seconds=1)))
    cloud.sqs.send_message(QueueUrl=cloud.queue_url, MessageBody=body)
    work_off(uploaded)
    assert result(uploaded, KEY) == newer


def test_the_worker_reads_an_event_as_one_of_s3() -> None:
    image = replay.StoredImage(KEY, None, "e", 5)
    (upload,) = parse_message(json.dumps(replay.event("b", image, datetime(2026, 11, 25, tzinfo=UTC))))
    assert (upload.bucket, upload.key, upload.version_id, upload.sequencer) == ("b", KEY, None, None)
    assert (upload.size, upload.event_time) == (5, datetime(2026, 11, 25, tzinfo=UTC))


def test_thousands_go_in_batches(stack: Stack, pneumonia: Pneumonia) -> None:
    for number in range(23):
        stack.cloud.s3.put_object(Bucket=UPLOADS, Key=f"{number}", Body=b"x")
    stack.cloud.sqs.purge_queue(QueueUrl=stack.cloud.queue_url)
    ran = pneumonia("replay", "--day", today(), *LOCAL, "--yes", "--json")
    assert json.loads(ran.out) == {"found": 23, "sent": 23}
    found = stack.cloud.sqs.get_queue_attributes(QueueUrl=stack.cloud.queue_url, AttributeNames=["All"])
    assert found["Attributes"]["ApproximateNumberOfMessages"] == "23"


class Refuses:
    """An SQS that accepts only the first message of a batch, and an S3 without a clock."""

    def send_message_batch(self, **_arguments: Any) -> Any:
        return {"Failed": [{"Id": "1", "Code": "x", "SenderFault": False}]}

    def head_bucket(self, **_arguments: Any) -> Any:
        return {"ResponseMetadata": {"HTTPHeaders": {}}}


def test_messages_that_the_queue_refuses_are_an_error() -> None:
    refuses: Any = Refuses()
    images = [replay.StoredImage(str(number), None, "e", 5) for number in range(2)]
    with pytest.raises(ServiceError, match="accepted 1 of 2"):
        replay._send(refuses, "q", "b", images, datetime.now(UTC))
    with pytest.raises(ServiceError, match="time"):
        replay.server_time(refuses, "b")


def test_a_day_is_a_date(pneumonia: Pneumonia) -> None:
    assert pneumonia("replay", "--day", "yesterday", *LOCAL).code == 2
    assert pneumonia("replay", *LOCAL).code == 2
