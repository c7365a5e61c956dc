"""Whole backfills: the state machine of the stack in an interpreter, the handler in this process, S3 by moto."""

import csv
import gzip
import io
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from infra.backfill_definition import definition
from pneumonia import aws
from pneumonia.handlers import backfill, worker
from pneumonia.uploads.names import upload_stem
from pneumonia_cli.client.batch import backfill as command
from pneumonia_cli.client.errors import EXIT_REFUSED, EXIT_SERVICE
from pneumonia_cli.client.shape import Shape
from pneumonia_cli.stack.context import settings_of
from tests.conftest import RESULTS, UPLOADS, ImageBytes, LoadEvent, make_bucket, stored_result
from tests.integration.distributed_map import FunctionEnded, StepFunctions, Throttled, step_functions

ARCHIVE = "hospital-archive"
DEFAULTS = json.loads((Path(__file__).resolve().parents[2] / "cdk.json").read_text())["context"]

pytestmark = pytest.mark.slow


@dataclass
class Cloud:
    """Buckets and the state machine, wired as in the stack. `disturb` gets each payload before the handler."""

    s3: Any
    sqs: Any
    queue: str
    machine: StepFunctions
    disturb: Callable[[dict[str, Any]], None]

    def result(self, name: str) -> dict[str, Any]:
        return stored_result(self.s3, name)

    def keys(self, bucket: str = RESULTS) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def results(self) -> set[str]:
        return {key.removesuffix(".json") for key in self.keys() if key.endswith(".json") and "-runs/" not in key}

    def summary(self, execution: str) -> dict[str, Any]:
        return self.result(f"backfill-runs/{execution}/summary")

    def predictions(self) -> int:
        return sum("Items" in payload for payload in self.machine.invoked)


Start = Callable[..., Cloud]


@pytest.fixture
def start(
    aws_credentials: None, tiny_service: None, lambda_context: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Start]:
    """Creates the cloud with some settings: start(backfill_batch_size=3)."""
    monkeypatch.setenv("RESULTS_BUCKET", RESULTS)
    monkeypatch.setenv("UPLOADS_BUCKET", UPLOADS)
    with mock_aws(config={"stepfunctions": {"execute_state_machine": True}}):
        s3, sqs, client = boto3.client("s3"), boto3.client("sqs"), boto3.client("stepfunctions")
        for bucket in (UPLOADS, RESULTS, ARCHIVE):
            make_bucket(s3, bucket, versioned=bucket == UPLOADS)
        queue = sqs.create_queue(QueueName="uploads")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        running = []

        def make(**settings: Any) -> Cloud:
            cloud: Cloud

            def function(payload: dict[str, Any]) -> Any:
                cloud.disturb(payload)
                return backfill.handler(payload, lambda_context)

            names = {"Partition": "aws", "FunctionArn": "backfill", "UploadBucket": UPLOADS, "ResultBucket": RESULTS}
            states = definition(settings_of(DEFAULTS | settings))
            context = step_functions(client, s3, states, names, function)
            machine = context.__enter__()
            running.append(context)
            cloud = Cloud(s3, sqs, queue, machine, lambda _payload: None)
            # Configured as in the stack, but late, so the archive did not pass through it.
            s3.put_bucket_notification_configuration(
                Bucket=UPLOADS,
                NotificationConfiguration={
                    "QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectCreated:*"]}]
                },
            )
            return cloud

        yield make
        for context in running:
            context.__exit__(None, None, None)
        for made in (s3, sqs, client):
            made.close()


def fill(s3: Any, image_bytes: ImageBytes, number: int, bucket: str = UPLOADS) -> list[str]:
    keys = [f"images/{index:03}.png" for index in range(number)]
    for index, key in enumerate(keys):
        s3.put_object(Bucket=bucket, Key=key, Body=image_bytes(grey=(30, 220)[index % 2]))
    return keys


def test_an_archive_of_several_pages_gets_its_results(start: Start, image_bytes: ImageBytes) -> None:
    cloud = start(backfill_batch_size=4, backfill_max_concurrency=2)
    keys = fill(cloud.s3, image_bytes, 30)
    cloud.s3.put_object(Bucket=UPLOADS, Key="images/readme.txt", Body=b"no image")
    cloud.s3.put_object(Bucket=UPLOADS, Key="images/", Body=b"")
    cloud.s3.put_object(Bucket=UPLOADS, Key="others/a.png", Body=image_bytes())
    ran = cloud.machine.run("first", {"prefix": "images/"})
    assert ran.status == "SUCCEEDED"
    assert cloud.results() == {*keys, "images/readme.txt"}
    assert cloud.result("images/readme.txt")["code"] == "unsupported_format"
    document = cloud.result("images/001.png")
    assert (document["status"], document["label"]) == ("predicted", "pneumonia")
    version = cloud.s3.head_object(Bucket=UPLOADS, Key="images/001.png")["VersionId"]
    assert document["source"]["version_id"] == version
    assert document["heatmap"] == {"bucket": RESULTS, "key": "images/001.png.heatmap.png"}
    assert cloud.predictions() == 8  # 32 objects in fours, over pages of seven
    assert 1 <= cloud.machine.most_at_once <= 2
    assert ran.map_run is not None
    assert ran.map_run["itemCounts"]["succeeded"] == 32
    summary = cloud.summary("first")
    assert ran.output == summary
    assert summary["counts"] == {
        "items": 32, "predicted": 30, "rejected": 1, "failed": 0, "already_there": 0, "skipped": {"folder": 1},
        "labels": {"normal": 15, "pneumonia": 15}, "triage": {"likely_normal": 15, "likely_pneumonia": 15},
        "groups": {"likely_normal": 15, "likely_pneumonia": 15}, "codes": {"unsupported_format": 1},
    }  # fmt: skip
    assert (summary["acceptable"], summary["error"], summary["unfinished"]) == (True, None, {})
    assert summary["source"] == {"bucket": UPLOADS, "prefix": "images/", "inventory": None}
    assert summary["manifest"]["key"].startswith("backfill-runs/first/")


def test_a_second_backfill_predicts_only_new_images(start: Start, image_bytes: ImageBytes) -> None:
    cloud = start(backfill_batch_size=4)
    keys = fill(cloud.s3, image_bytes, 6)
    cloud.machine.run("first", {})
    before = {key: cloud.s3.head_object(Bucket=RESULTS, Key=f"{key}.json")["LastModified"] for key in keys}
    etags = {key: cloud.s3.head_object(Bucket=RESULTS, Key=f"{key}.json")["ETag"] for key in keys}
    # A listing has whole seconds, so it does not tell which of two versions of one second is newer.
    time.sleep(1 - time.time() % 1)
    cloud.s3.put_object(Bucket=UPLOADS, Key="images/006.png", Body=image_bytes())
    cloud.s3.put_object(Bucket=UPLOADS, Key=keys[0], Body=image_bytes(grey=220))  # was normal
    ran = cloud.machine.run("second", {})
    assert ran.status == "SUCCEEDED"
    counts = cloud.summary("second")["counts"]
    # A version that replaces another one in the same second has a separate event. Here the current version is found.
    assert (counts["items"], counts["predicted"], counts["already_there"]) == (7, 7, 5)
    assert cloud.result(keys[0])["label"] == "pneumonia"
    for key in keys[1:]:
        head = cloud.s3.head_object(Bucket=RESULTS, Key=f"{key}.json")
        assert (head["ETag"], head["LastModified"]) == (etags[key], before[key])


def test_uploads_that_were_predicted_are_not_predicted_again(
    start: Start, image_bytes: ImageBytes, lambda_context: Any, load_event: LoadEvent
) -> None:
    cloud = start()
    put = cloud.s3.put_object(Bucket=UPLOADS, Key="a.png", Body=image_bytes(grey=220))
    message = json.loads(load_event("sqs_s3_put_versioned")["Records"][0]["body"])
    record = message["Records"][0]
    record["s3"]["bucket"]["name"] = UPLOADS
    # The times differ, because LastModified has whole seconds. The version is the same.
    record["eventTime"] = "2024-02-01T10:20:30.456Z"
    record["s3"]["object"] |= {
        "key": "a.png", "eTag": put["ETag"].strip('"'), "versionId": put["VersionId"], "size": 1, "sequencer": "0A"
    }  # fmt: skip
    event = load_event("sqs_s3_put_versioned")
    event["Records"] = event["Records"][:1]
    event["Records"][0]["body"] = json.dumps(message)
    assert worker.handler(event, lambda_context) == {"batchItemFailures": []}
    etag = cloud.s3.head_object(Bucket=RESULTS, Key="a.png.json")["ETag"]
    cloud.machine.run("first", {})
    assert cloud.summary("first")["counts"]["already_there"] == 1
    assert cloud.s3.head_object(Bucket=RESULTS, Key="a.png.json")["ETag"] == etag
    # The other way round: a late event of a version that the backfill has predicted.
    assert worker.handler(event, lambda_context) == {"batchItemFailures": []}
    assert cloud.s3.head_object(Bucket=RESULTS, Key="a.png.json")["ETag"] == etag


def test_results_fire_no_events(start: Start, image_bytes: ImageBytes) -> None:
    cloud = start()
    cloud.sqs.purge_queue(QueueUrl=cloud.queue)
    fill(cloud.s3, image_bytes, 2, bucket=ARCHIVE)
    assert cloud.machine.run("first", {"bucket": ARCHIVE}).status == "SUCCEEDED"
    assert "Messages" not in cloud.sqs.receive_message(QueueUrl=cloud.queue)
    assert cloud.keys(UPLOADS) == []
    cloud.s3.put_object(Bucket=UPLOADS, Key="a.png", Body=image_bytes())
    assert "Messages" in cloud.sqs.receive_message(QueueUrl=cloud.queue)  # the queue receives events


def test_results_of_another_bucket_do_not_mix_with_uploads(start: Start, image_bytes: ImageBytes) -> None:
    cloud = start()
    cloud.s3.put_object(Bucket=UPLOADS, Key="a.png", Body=image_bytes(grey=30))
    cloud.s3.put_object(Bucket=ARCHIVE, Key="a.png", Body=image_bytes(grey=220))
    cloud.machine.run("uploads", {})
    cloud.machine.run("archive", {"bucket": ARCHIVE})
    assert cloud.result("a.png")["label"] == "normal"
    document = cloud.result(f"archive/{ARCHIVE}/a.png")
    assert (document["label"], document["source"]["bucket"]) == ("pneumonia", ARCHIVE)
    assert (document["source"]["key"], document["source"]["version_id"]) == ("a.png", None)
    assert document["heatmap"]["key"] == f"archive/{ARCHIVE}/a.png.heatmap.png"
    # Without versions, the time identifies the object.
    cloud.machine.run("again", {"bucket": ARCHIVE})
    assert cloud.summary("again")["counts"]["already_there"] == 1


def test_an_upload_named_like_an_archived_image_has_a_separate_result(start: Start, image_bytes: ImageBytes) -> None:
    cloud = start()
    names = [f"archive/{ARCHIVE}/a.png", "backfill-runs/uploads/summary"]
    for name in names:
        cloud.s3.put_object(Bucket=UPLOADS, Key=name, Body=image_bytes(grey=30))
    cloud.s3.put_object(Bucket=ARCHIVE, Key="a.png", Body=image_bytes(grey=220))
    cloud.machine.run("archive", {"bucket": ARCHIVE})
    cloud.machine.run("uploads", {})
    assert cloud.result(names[0])["source"]["bucket"] == ARCHIVE
    assert cloud.summary("uploads")["counts"]["labels"] == {"normal": 2}
    assert {cloud.result(upload_stem(name))["source"]["key"] for name in names} == set(names)


def test_a_result_written_before_prefixes_were_reserved_is_found(start: Start, image_bytes: ImageBytes) -> None:
    cloud = start()
    names = [f"archive/{ARCHIVE}/a.png", "a~" + "0" * 64, f"archive/{ARCHIVE}/of an archive.png"]
    for name in names:
        cloud.s3.put_object(Bucket=UPLOADS, Key=name, Body=image_bytes())
    cloud.machine.run("first", {})
    for name in names:
        found = cloud.s3.get_object(Bucket=RESULTS, Key=upload_stem(name) + ".json")
        body = found["Body"].read()
        if name == names[2]:
            body = body.replace(UPLOADS.encode(), ARCHIVE.encode())
        cloud.s3.put_object(Bucket=RESULTS, Key=f"{name}.json", Body=body, Metadata=found["Metadata"])
        cloud.s3.delete_object(Bucket=RESULTS, Key=upload_stem(name) + ".json")
    cloud.machine.run("again", {})
    assert cloud.summary("again")["counts"]["already_there"] == 2
    assert cloud.results() == {*names, upload_stem(names[2])}


AWKWARD = ["Röntgen/胸部 X線.png", "a b+c.png", "100%.png", "a%2Fb.png", 'quote", comma.png']


def put_inventory(s3: Any, schema: str, files: list[list[list[str]]]) -> dict[str, str]:
    """Write an inventory in the form of S3, under inventory/ of the archive."""
    folder = f"inventory/{ARCHIVE}/all"
    entries = []
    for number, rows in enumerate(files):
        text = io.StringIO()
        csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)
        body = gzip.compress(text.getvalue().encode())
        key = f"{folder}/data/0{number}b2c4d6.csv.gz"
        s3.put_object(Bucket=ARCHIVE, Key=key, Body=body)
        entries.append({"key": key, "size": len(body), "MD5checksum": "0" * 32})
    manifest = {
        "sourceBucket": ARCHIVE,
        "destinationBucket": f"arn:aws:s3:::{ARCHIVE}",
        "version": "2016-11-30",
        "creationTimestamp": "1700000000000",
        "fileFormat": "CSV",
        "fileSchema": schema,
        "files": entries,
    }
    key = f"{folder}/2026-11-24T01-00Z/manifest.json"
    s3.put_object(Bucket=ARCHIVE, Key=key, Body=json.dumps(manifest).encode())
    return {"bucket": ARCHIVE, "key": key}


def test_an_inventory_of_versions_in_several_files(start: Start, image_bytes: ImageBytes) -> None:
    cloud = start(backfill_batch_size=3)
    cloud.s3.put_bucket_versioning(Bucket=ARCHIVE, VersioningConfiguration={"Status": "Enabled"})
    rows = []
    for key in AWKWARD:
        old = cloud.s3.put_object(Bucket=ARCHIVE, Key=key, Body=image_bytes(grey=30))
        new = cloud.s3.put_object(Bucket=ARCHIVE, Key=key, Body=image_bytes(grey=220))
        for put, latest in ((new, "true"), (old, "false")):
            rows.append([ARCHIVE, quote_plus(key, safe="/"), put["VersionId"], latest, "false", "100",
                         "2026-01-02T03:04:05.000Z", put["ETag"].strip('"')])  # fmt: skip
    cloud.s3.put_object(Bucket=ARCHIVE, Key="deleted.png", Body=image_bytes())
    marker = cloud.s3.delete_object(Bucket=ARCHIVE, Key="deleted.png")["VersionId"]
    rows.append([ARCHIVE, "deleted.png", marker, "true", "true", "", "2026-01-02T03:04:05.000Z", ""])
    gone = cloud.s3.put_object(Bucket=ARCHIVE, Key="gone.png", Body=image_bytes())["VersionId"]
    cloud.s3.delete_object(Bucket=ARCHIVE, Key="gone.png", VersionId=gone)
    rows.append([ARCHIVE, "gone.png", gone, "true", "false", "100", "2026-01-02T03:04:05.000Z", "e"])
    schema = "Bucket, Key, VersionId, IsLatest, IsDeleteMarker, Size, LastModifiedDate, ETag"
    where = put_inventory(cloud.s3, schema, [rows[:5], rows[5:9], rows[9:]])
    ran = cloud.machine.run("first", {"bucket": ARCHIVE, "prefix": "", "inventory": where})
    assert ran.status == "SUCCEEDED"
    assert cloud.results() == {f"archive/{ARCHIVE}/{key}" for key in AWKWARD}
    assert {cloud.result(f"archive/{ARCHIVE}/{key}")["label"] for key in AWKWARD} == {"pneumonia"}
    counts = cloud.summary("first")["counts"]
    assert counts["items"] == 12
    assert counts["skipped"] == {"delete_marker": 1, "gone": 1, "superseded": 5}
    assert cloud.summary("first")["source"]["inventory"] == where
    cloud.machine.run("again", {"bucket": ARCHIVE, "inventory": where})
    assert cloud.summary("again")["counts"]["already_there"] == 5


def test_an_inventory_without_versions_and_a_part_of_it(start: Start, image_bytes: ImageBytes) -> None:
    cloud = start()
    for key in ("images/a b.png", "letters/a.pdf"):
        cloud.s3.put_object(Bucket=ARCHIVE, Key=key, Body=image_bytes())
    where = put_inventory(cloud.s3, "Bucket, Key", [[[ARCHIVE, "images/a+b.png"], [ARCHIVE, "letters/a.pdf"]]])
    cloud.machine.run("first", {"bucket": ARCHIVE, "prefix": "images/", "inventory": where})
    assert cloud.results() == {f"archive/{ARCHIVE}/images/a b.png"}
    assert cloud.summary("first")["counts"]["skipped"] == {"outside_prefix": 1}


def test_throttled_calls_are_retried(start: Start, image_bytes: ImageBytes) -> None:
    cloud = start(backfill_batch_size=2)
    fill(cloud.s3, image_bytes, 4)
    left = iter(range(20))

    def throttle(_payload: dict[str, Any]) -> None:
        if next(left, None) is not None:
            raise Throttled

    cloud.disturb = throttle
    ran = cloud.machine.run("first", {})
    assert ran.status == "SUCCEEDED"
    assert cloud.summary("first")["counts"]["predicted"] == 4
    assert len(cloud.machine.waits) == 20


def has(payload: dict[str, Any], key: str) -> bool:
    return any(item["Key"] == key for item in payload.get("Items", []))


@pytest.mark.parametrize("death", ["Sandbox.Timedout", "Runtime.ExitError", "Runtime.OutOfMemory", "Lambda.Unknown"])
def test_a_poison_image_does_not_affect_others(start: Start, image_bytes: ImageBytes, death: str) -> None:
    cloud = start(backfill_batch_size=5, backfill_tolerated_failure_percent=10)
    keys = fill(cloud.s3, image_bytes, 10)

    def die(payload: dict[str, Any]) -> None:
        if has(payload, keys[2]):
            raise FunctionEnded(death)

    cloud.disturb = die
    ran = cloud.machine.run("first", {})
    assert ran.status == "SUCCEEDED"
    assert cloud.results() == set(keys)
    document = cloud.result(keys[2])
    assert (document["status"], document["code"], document["heatmap"]) == ("rejected", "processing_failed", None)
    assert document["source"]["key"] == keys[2]
    summary = cloud.summary("first")
    assert (summary["counts"]["predicted"], summary["counts"]["failed"]) == (9, 1)
    assert summary["counts"]["codes"] == {"processing_failed": 1}
    assert summary["without_prediction_percent"] == 10.0
    assert ran.map_run is not None
    assert ran.map_run["itemCounts"]["failed"] == 0
    # With more memory it succeeds, and the provisional result is replaced.
    cloud.disturb = lambda _payload: None
    cloud.machine.run("second", {})
    assert cloud.result(keys[2])["status"] == "predicted"
    assert cloud.summary("second")["counts"]["already_there"] == 9


def test_a_provisional_result_has_the_fields_of_any_rejected_one(start: Start) -> None:
    cloud = start(backfill_tolerated_failure_percent=100)
    cloud.s3.put_object(Bucket=UPLOADS, Key="a.txt", Body=b"no image")
    cloud.s3.put_object(Bucket=UPLOADS, Key="b.png", Body=b"image", StorageClass="GLACIER")
    assert cloud.machine.run("first", {}).status == "SUCCEEDED"
    assert list(cloud.result("b.png")) == list(cloud.result("a.txt"))
    assert cloud.result("b.png")["code"] == "object_archived"


def test_if_the_function_ends_on_every_image_none_is_marked_as_failed(start: Start, image_bytes: ImageBytes) -> None:
    cloud = start(backfill_batch_size=5)
    fill(cloud.s3, image_bytes, 5)

    def die(payload: dict[str, Any]) -> None:
        if "Items" in payload:
            raise FunctionEnded("Runtime.OutOfMemory")

    cloud.disturb = die
    ran = cloud.machine.run("first", {})
    assert (ran.status, ran.error) == ("FAILED", "Backfill.TooManyFailures")
    assert cloud.results() == set()
    summary = cloud.summary("first")
    assert (summary["unfinished"], summary["batch_errors"]["EveryImageFailed"]) == ({"failed": 5, "pending": 0}, 1)


def test_s3_is_down_for_a_moment(start: Start, image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch) -> None:
    cloud = start(backfill_batch_size=3)
    keys = fill(cloud.s3, image_bytes, 3)
    get, calls = aws.s3().get_object, iter(range(2))

    def down(**arguments: Any) -> Any:
        if arguments["Bucket"] == UPLOADS and arguments["Key"] == keys[1] and next(calls, None) is not None:
            raise EndpointConnectionError(endpoint_url="https://s3.eu-central-1.amazonaws.com")
        return get(**arguments)

    monkeypatch.setattr(aws.s3(), "get_object", down)
    assert cloud.machine.run("first", {}).status == "SUCCEEDED"
    assert cloud.results() == set(keys)
    counts = cloud.summary("first")["counts"]
    assert (counts["predicted"], counts["already_there"]) == (3, 2)  # the others were done before the retry
    assert len(cloud.machine.waits) == 2


def forbid(monkeypatch: pytest.MonkeyPatch, keys: set[str]) -> None:
    get = aws.s3().get_object

    def forbidden(**arguments: Any) -> Any:
        if arguments["Bucket"] == UPLOADS and arguments["Key"] in keys:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "GetObject")
        return get(**arguments)

    monkeypatch.setattr(aws.s3(), "get_object", forbidden)


def test_a_share_of_failures_is_tolerated(
    start: Start, image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = start(backfill_batch_size=2, backfill_tolerated_failure_percent=20)
    keys = fill(cloud.s3, image_bytes, 10)
    forbid(monkeypatch, {keys[4]})
    ran = cloud.machine.run("first", {})
    assert ran.status == "SUCCEEDED"
    assert ran.map_run is not None
    assert ran.map_run["itemCounts"]["failed"] == 2
    summary = cloud.summary("first")
    assert (summary["counts"]["predicted"], summary["unfinished"]) == (8, {"failed": 2})
    assert (summary["batch_errors"], summary["without_prediction_percent"]) == ({"BatchIncomplete": 1}, 20.0)


def test_above_that_share_the_run_stops_and_reports_it(
    start: Start, image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = start(backfill_batch_size=2, backfill_tolerated_failure_percent=5, backfill_max_concurrency=1)
    keys = fill(cloud.s3, image_bytes, 10)
    forbid(monkeypatch, {keys[2]})
    ran = cloud.machine.run("first", {})
    assert (ran.status, ran.error) == ("FAILED", "Backfill.TooManyFailures")
    summary = cloud.summary("first")
    assert summary["error"] == "States.ExceedToleratedFailureThreshold"
    assert summary["acceptable"] is False
    assert summary["unfinished"] == {"failed": 2, "pending": 6}
    assert cloud.results() == {keys[0], keys[1], keys[3]}
    # After a fix and a new start, it continues.
    aws.s3.cache_clear()
    assert cloud.machine.run("second", {}).status == "SUCCEEDED"
    assert cloud.results() == set(keys)
    assert cloud.summary("second")["counts"]["already_there"] == 3


def test_a_listing_that_cannot_be_read(start: Start) -> None:
    cloud = start()
    ran = cloud.machine.run("first", {"bucket": "not-there"})
    assert (ran.status, ran.error) == ("FAILED", "Backfill.TooManyFailures")
    summary = cloud.summary("first")
    assert (summary["error"], summary["manifest"]) == ("States.ItemReaderFailed", None)


def test_an_empty_archive(start: Start) -> None:
    cloud = start()
    assert cloud.machine.run("first", {"prefix": "nothing/"}).status == "SUCCEEDED"
    assert cloud.summary("first")["counts"]["items"] == 0


def test_an_archived_object_is_reported_and_predicted_after_its_restore(
    start: Start, image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = start(backfill_tolerated_failure_percent=50)
    keys = fill(cloud.s3, image_bytes, 2)
    cloud.s3.put_object(Bucket=UPLOADS, Key=keys[1], Body=image_bytes(), StorageClass="DEEP_ARCHIVE")
    cloud.machine.run("first", {})
    assert cloud.result(keys[1])["code"] == "object_archived"
    assert cloud.summary("first")["counts"]["codes"] == {"object_archived": 1}
    cloud.s3.restore_object(Bucket=UPLOADS, Key=keys[1], RestoreRequest={"Days": 1})
    cloud.machine.run("second", {})
    assert cloud.result(keys[1])["status"] == "predicted"


def test_out_of_time_another_invocation_continues(
    start: Start, image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = start(backfill_batch_size=6)
    keys = fill(cloud.s3, image_bytes, 6)
    monkeypatch.setattr(backfill, "_RESERVE_MS", 60_000)  # more than the time left
    assert cloud.machine.run("first", {}).status == "SUCCEEDED"
    assert cloud.results() == set(keys)
    assert cloud.predictions() == 6
    assert cloud.summary("first")["counts"]["predicted"] == 6


def test_the_command_starts_and_watches_a_backfill_and_shows_its_summary(
    start: Start, image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    cloud = start(backfill_batch_size=2, backfill_tolerated_failure_percent=100)
    monkeypatch.setattr(command, "_LOOK_EVERY_SECONDS", 0.01)
    fill(cloud.s3, image_bytes, 4)
    machine = command.Machine(cloud.machine.client, cloud.s3, cloud.machine.arn, RESULTS)
    images = command.Archive(UPLOADS, "images/")
    assert command.run(machine, images, wait=True, shape=Shape.JSON) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["status"], told["summary"]["counts"]["predicted"]) == ("SUCCEEDED", 4)
    assert told["summary"] == cloud.summary(told["execution"])
    cloud.s3.put_object(Bucket=UPLOADS, Key="images/readme.txt", Body=b"no image")
    cloud.s3.put_object(Bucket=UPLOADS, Key="images/", Body=b"")
    assert command.run(machine, images, wait=True, shape=Shape.TABLE) == EXIT_REFUSED
    text = " ".join(capsys.readouterr().out.split())
    assert "2 likely pneumonia" in text
    assert "1 refused 1 skipped: folder 0 failed or not reached 6 objects in total, 4 of them" in text
    assert "unsupported_format 1" in text
    forbid(monkeypatch, {"images/new.png"})
    cloud.s3.put_object(Bucket=UPLOADS, Key="images/new.png", Body=image_bytes())
    assert command.run(machine, images, wait=True, shape=Shape.TABLE) == EXIT_SERVICE
    assert "2 failed or not reached" in " ".join(capsys.readouterr().out.split())


def test_no_image_data_is_logged(start: Start, image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    previous = worker.logger.registered_handler.setStream(stream)  # type: ignore[attr-defined]
    try:
        cloud = start(backfill_batch_size=4)
        key = "Jane Doe 1969-05-04.png"
        cloud.s3.put_object(Bucket=UPLOADS, Key=key, Body=image_bytes())
        cloud.s3.put_object(Bucket=UPLOADS, Key="Jane Doe.txt", Body=b"Jane")
        cloud.s3.put_object(Bucket=UPLOADS, Key="Jane Doe-2.png", Body=image_bytes())
        forbid(monkeypatch, {key})
        cloud.machine.run("first", {})
        cloud.disturb = lambda payload: (_ for _ in ()).throw(FunctionEnded("x")) if has(payload, key) else None
        cloud.machine.run("second", {})
    finally:
        worker.logger.registered_handler.setStream(previous)  # type: ignore[attr-defined]
    text = stream.getvalue()
    assert "image failed, its batch will be tried again" in text
    assert "image failed permanently" in text
    assert "Jane" not in text
    assert "Doe" not in text
