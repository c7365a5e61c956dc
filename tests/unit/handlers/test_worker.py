import base64
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from PIL.PngImagePlugin import PngInfo

from pneumonia import aws
from pneumonia.decode.image import DecodedImage
from pneumonia.decode.isolated import decode_in_time, process_decoder
from pneumonia.decode.limits import Limits
from pneumonia.errors import MalformedRequest, MissingImage
from pneumonia.handlers import worker
from pneumonia.predictor import process_predictor
from pneumonia.uploads import correlation, process
from pneumonia.uploads.events import parse_message
from tests.conftest import RESULTS, UPLOADS, ImageBytes, LoadEvent

Event = dict[str, Any]


@pytest.fixture
def s3(s3: Any, tiny_service: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set up the buckets for a worker with a tiny model."""
    monkeypatch.setenv("RESULTS_BUCKET", RESULTS)
    return s3


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    previous = worker.logger.registered_handler.setStream(stream)  # type: ignore[attr-defined]
    yield stream
    worker.logger.registered_handler.setStream(previous)  # type: ignore[attr-defined]


@pytest.fixture
def run(lambda_context: Any) -> Callable[[Event], list[str]]:
    """Run the handler, and return the ids of the messages that it returns to the queue."""

    def call(event: Event) -> list[str]:
        answer = worker.handler(event, lambda_context)
        return [str(failure["itemIdentifier"]) for failure in answer["batchItemFailures"]]

    return call


Run = Callable[[Event], list[str]]


def sqs_event(*bodies: str) -> Event:
    return {
        "Records": [
            {
                "messageId": f"message-{index}",
                "receiptHandle": "handle",
                "body": body,
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "md5OfBody": "",
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:uploads",
                "awsRegion": "eu-central-1",
            }
            for index, body in enumerate(bodies)
        ]
    }


@pytest.fixture
def upload(s3: Any, load_event: LoadEvent) -> Callable[..., str]:
    """Upload an object, and return the message that S3 would send: the recorded one with this object's values."""

    def put(
        key: str,
        data: bytes,
        sequencer: str = "0A",
        metadata: dict[str, str] | None = None,
        storage_class: str = "STANDARD",
        **changes: Any,
    ) -> str:
        reply = s3.put_object(Bucket=UPLOADS, Key=key, Body=data, Metadata=metadata or {}, StorageClass=storage_class)
        message = json.loads(load_event("sqs_s3_put_versioned")["Records"][0]["body"])
        message["Records"][0]["s3"]["object"] = {
            "key": key,
            "size": len(data),
            "eTag": reply["ETag"].strip('"'),
            "versionId": reply["VersionId"],
            "sequencer": sequencer,
        } | changes
        return json.dumps(message)

    return put


def result(s3: Any, key: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(s3.get_object(Bucket=RESULTS, Key=f"{key}.json")["Body"].read())
    return document


def keys(s3: Any) -> list[str]:
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=RESULTS).get("Contents", [])]


def test_predicted_result(
    s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes, lambda_context: Any
) -> None:
    message = upload("a.png", image_bytes(grey=255))
    thing = json.loads(message)["Records"][0]["s3"]["object"]
    assert run(sqs_event(message)) == []
    document = result(s3, "a.png")
    assert list(document) == [
        "status", "schema_version", "normal", "pneumonia", "label", "triage", "threshold", "calibrated_prevalence",
        "model", "in_training_population", "forced", "image", "timing_ms", "request_id", "notice", "correlation_id",
        "source", "heatmap",
    ]  # fmt: skip
    assert (document["status"], document["label"]) == ("predicted", "pneumonia")
    assert document["request_id"] == lambda_context.aws_request_id
    assert document["source"] == {
        "bucket": UPLOADS,
        "key": "a.png",
        "version_id": thing["versionId"],
        "etag": thing["eTag"],
        "sequencer": "0A",
    }
    assert document["heatmap"] == {"bucket": RESULTS, "key": "a.png.heatmap.png"}
    heatmap = s3.get_object(Bucket=RESULTS, Key="a.png.heatmap.png")
    assert heatmap["ContentType"] == "image/png"
    assert heatmap["Body"].read().startswith(b"\x89PNG")


def test_direct_invoke_returns_the_prediction_and_stores_nothing(
    s3: Any, image_bytes: ImageBytes, lambda_context: Any
) -> None:
    event = {"image": base64.b64encode(image_bytes(grey=255)).decode()}
    answer: Any = worker.handler(event, lambda_context)
    assert (answer["label"], answer["request_id"]) == ("pneumonia", lambda_context.aws_request_id)
    assert keys(s3) == []


@pytest.mark.parametrize("event", [{}, {"image": ""}, {"url": "https://images.example.org/a.png"}], ids=str)
def test_direct_invoke_takes_only_an_image(s3: Any, event: Event, lambda_context: Any) -> None:
    with pytest.raises((MissingImage, MalformedRequest)):
        worker.handler(event, lambda_context)


def test_rejected_result(s3: Any, run: Run, upload: Callable[..., str], lambda_context: Any) -> None:
    assert run(sqs_event(upload("a.png", b"no image"))) == []
    document = result(s3, "a.png")
    assert list(document) == [
        "status", "schema_version", "code", "title", "detail", "request_id", "model", "notice", "correlation_id",
        "source", "heatmap",
    ]  # fmt: skip
    assert (document["status"], document["code"]) == ("rejected", "unsupported_format")
    assert document["heatmap"] is None
    assert document["model"]["name"] == "tiny-grey"
    assert keys(s3) == ["a.png.json"]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "missing_image"),
        (b"GIF89a", "unsupported_format"),
        (b"\xff\xd8\xff" + bytes(20), "undecodable_image"),
        (bytes(6000), "too_large"),
    ],
)
def test_codes_are_those_of_http(
    s3: Any, run: Run, upload: Callable[..., str], monkeypatch: pytest.MonkeyPatch, data: bytes, code: str
) -> None:
    monkeypatch.setenv("MAX_IMAGE_BYTES", "5000")
    assert run(sqs_event(upload("a.png", data))) == []
    assert result(s3, "a.png")["code"] == code


@pytest.mark.parametrize(
    ("metadata", "status", "told"),
    [
        ({}, "rejected", "not_a_chest_xray"),
        ({"force": "true"}, "predicted", ["low_contrast", "not_a_chest_xray", "outside_training_population"]),
        ({"force": "perhaps"}, "rejected", "malformed_request"),
    ],
)
def test_an_image_that_is_not_a_chest_xray_is_rejected_unless_its_metadata_forces_it(
    s3: Any,
    run: Run,
    upload: Callable[..., str],
    image_bytes: ImageBytes,
    make_artifacts: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    metadata: dict[str, str],
    status: str,
    told: Any,
) -> None:
    monkeypatch.setenv("MODEL_DIR", str(make_artifacts({"gate": True})))
    assert run(sqs_event(upload("a.png", image_bytes(grey=255), metadata=metadata))) == []
    document = result(s3, "a.png")
    assert document["status"] == status
    assert (document["code"] if status == "rejected" else document["image"]["warnings"]) == told


@pytest.mark.parametrize("size", [6000, None, 1])
def test_large_object_is_never_read(
    s3: Any, run: Run, upload: Callable[..., str], monkeypatch: pytest.MonkeyPatch, size: int | None
) -> None:
    monkeypatch.setenv("MAX_IMAGE_BYTES", "5000")
    message = upload("a.png", bytes(6000), size=size)

    class Unread(io.BytesIO):
        def read(self, *_args: Any) -> bytes:
            raise AssertionError("the body was read")

    get = process._get
    monkeypatch.setattr(process, "_get", lambda found: get(found) | {"Body": Unread()})
    assert run(sqs_event(message)) == []
    assert result(s3, "a.png")["code"] == "too_large"


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_an_image_that_takes_too_long_to_decode_is_rejected(
    s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    predictor = process_predictor()
    monkeypatch.setattr(predictor, "limits", replace(predictor.limits, decode_seconds=1e-7))
    assert run(sqs_event(upload("a", image_bytes(kind=kind)))) == []
    document = result(s3, "a")
    assert (document["status"], document["code"]) == ("rejected", "took_too_long")


def test_the_version_of_the_event_is_read(
    s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes
) -> None:
    first = upload("a.png", image_bytes(grey=255))
    upload("a.png", image_bytes(grey=0))
    assert run(sqs_event(first)) == []
    assert result(s3, "a.png")["label"] == "pneumonia"


@pytest.mark.parametrize("version", ["3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo", None])
def test_an_object_that_was_deleted(
    s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes, version: str | None
) -> None:
    message = upload("a.png", image_bytes(), versionId=version)
    s3.delete_object(Bucket=UPLOADS, Key="a.png")
    assert run(sqs_event(message)) == []
    assert result(s3, "a.png")["code"] == "upload_missing"


def test_an_object_that_was_replaced_in_a_bucket_without_versions(
    s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes
) -> None:
    message = upload("a.png", image_bytes(grey=0), versionId=None)
    upload("a.png", image_bytes(grey=255))
    assert run(sqs_event(message)) == []
    assert result(s3, "a.png")["code"] == "upload_missing"


@pytest.mark.parametrize("storage_class", ["GLACIER", "DEEP_ARCHIVE"])
def test_an_archived_object_is_rejected_until_it_is_restored(
    s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes, storage_class: str
) -> None:
    message = upload("a.png", image_bytes(), storage_class=storage_class)
    assert run(sqs_event(message)) == []
    found = result(s3, "a.png")
    assert (found["status"], found["code"], found["heatmap"]) == ("rejected", "object_archived", None)
    assert "restore it and start a backfill" in found["detail"]
    s3.restore_object(Bucket=UPLOADS, Key="a.png", RestoreRequest={"Days": 1})
    assert run(sqs_event(message)) == []
    assert result(s3, "a.png")["status"] == "predicted"


def test_an_object_in_an_archive_tier_of_intelligent_tiering_is_archived(
    s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def archived(**_arguments: Any) -> Any:
        error: Any = {
            "Code": "InvalidObjectState",
            "StorageClass": "INTELLIGENT_TIERING",
            "AccessTier": "ARCHIVE_ACCESS",
        }
        raise ClientError({"Error": error}, "GetObject")

    message = upload("a.png", image_bytes(), storage_class="INTELLIGENT_TIERING")
    monkeypatch.setattr(aws.s3(), "get_object", archived)
    assert run(sqs_event(message)) == []
    monkeypatch.undo()
    assert result(s3, "a.png")["code"] == "object_archived"


def test_duplicate_writes_one_result(s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes) -> None:
    message = upload("a.png", image_bytes())
    assert run(sqs_event(message, message)) == []
    before = s3.head_object(Bucket=RESULTS, Key="a.png.json")
    assert run(sqs_event(message)) == []
    after = s3.head_object(Bucket=RESULTS, Key="a.png.json")
    assert (before["ETag"], before["LastModified"]) == (after["ETag"], after["LastModified"])
    assert keys(s3) == ["a.png.heatmap.png", "a.png.json"]


def test_order_of_arrival_does_not_matter(
    s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes
) -> None:
    old = upload("a.png", image_bytes(grey=255), sequencer="0A")
    new = upload("a.png", image_bytes(grey=0), sequencer="0B")
    assert run(sqs_event(new, old)) == []
    assert result(s3, "a.png")["source"]["sequencer"] == "0B"
    heatmap = s3.head_object(Bucket=RESULTS, Key="a.png.heatmap.png")
    assert heatmap["Metadata"]["source-sequencer"] == "0B"


def test_newer_rejection_replaces_an_older_prediction(
    s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes
) -> None:
    old = upload("a.png", image_bytes(), sequencer="0A")
    assert run(sqs_event(old, upload("a.png", b"text", sequencer="0B"), old)) == []
    document = result(s3, "a.png")
    assert (document["status"], document["heatmap"]) == ("rejected", None)


def test_older_prediction_leaves_no_heatmap_next_to_a_newer_rejection(
    s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes
) -> None:
    old = upload("a.png", image_bytes(), sequencer="0A")
    assert run(sqs_event(upload("a.png", b"text", sequencer="0B"), old)) == []
    assert result(s3, "a.png")["status"] == "rejected"
    assert keys(s3) == ["a.png.json"]


def test_first_prediction_where_s3_answers_forbidden_for_missing(
    s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(**_arguments: Any) -> Any:
        raise ClientError({"Error": {"Code": "403"}}, "HeadObject")

    monkeypatch.setattr(aws.s3(), "head_object", forbidden)
    assert run(sqs_event(upload("a.png", image_bytes()))) == []
    assert keys(s3) == ["a.png.heatmap.png", "a.png.json"]


@pytest.mark.parametrize("backwards", [False, True])
def test_two_versions_of_the_same_time_without_sequencer_are_not_duplicates(
    s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes, backwards: bool
) -> None:
    messages = [upload("a.png", image_bytes(grey=grey), sequencer=None) for grey in (255, 0)]
    versions = [json.loads(message)["Records"][0]["s3"]["object"]["versionId"] for message in messages]
    assert run(sqs_event(*(messages[::-1] if backwards else messages))) == []
    assert result(s3, "a.png")["source"]["version_id"] == max(versions)
    heatmap = s3.head_object(Bucket=RESULTS, Key="a.png.heatmap.png")
    assert heatmap["Metadata"]["source-version"] == max(versions)


def test_json_is_written_after_the_heatmap_it_points_to(
    s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = upload("a.png", image_bytes())
    client = aws.s3()
    put = client.put_object

    def failing(**arguments: Any) -> Any:
        if arguments["Key"].endswith(".json"):
            raise ClientError({"Error": {"Code": "SlowDown"}}, "PutObject")
        return put(**arguments)

    monkeypatch.setattr(client, "put_object", failing)
    assert run(sqs_event(message)) == ["message-0"]
    assert keys(s3) == ["a.png.heatmap.png"]
    monkeypatch.setattr(client, "put_object", put)
    assert run(sqs_event(message)) == []
    assert keys(s3) == ["a.png.heatmap.png", "a.png.json"]


def test_longest_possible_key(s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes) -> None:
    key = "k" * 1024
    assert run(sqs_event(upload(key, image_bytes()))) == []
    written = keys(s3)
    assert len(written) == 2
    document = json.loads(s3.get_object(Bucket=RESULTS, Key=written[1])["Body"].read())
    assert document["source"]["key"] == key
    assert document["heatmap"]["key"] == written[0]


def test_test_event_is_dropped(s3: Any, run: Run, load_event: LoadEvent) -> None:
    assert run(load_event("sqs_s3_test_event")) == []
    assert keys(s3) == []


def test_only_the_failed_message_returns_to_the_queue(
    s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes
) -> None:
    good = upload("a.png", image_bytes())
    assert run(sqs_event("not json", good, "{}")) == ["message-0", "message-2"]
    assert result(s3, "a.png")["status"] == "predicted"


def test_a_batch_of_failures_raises_no_exception(s3: Any, run: Run) -> None:
    assert run(sqs_event("not json", "neither")) == ["message-0", "message-1"]


@pytest.mark.parametrize("code", ["AccessDenied", "InternalError", "NoSuchBucket"])
def test_a_failure_of_s3_returns_the_message(
    s3: Any,
    run: Run,
    upload: Callable[..., str],
    image_bytes: ImageBytes,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
) -> None:
    def failing(**_arguments: Any) -> Any:
        raise ClientError({"Error": {"Code": code}}, "GetObject")

    message = upload("a.png", image_bytes())
    monkeypatch.setattr(aws.s3(), "get_object", failing)
    assert run(sqs_event(message)) == ["message-0"]
    assert keys(s3) == []


def test_an_object_cut_off_in_transfer_returns_the_message(
    s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    message = upload("a.png", image_bytes())
    get = process._get

    def cut(found: Any) -> Any:
        reply = get(found)
        data = reply["Body"].read()
        return reply | {"Body": StreamingBody(io.BytesIO(data[:-1]), len(data))}

    with monkeypatch.context() as patch:
        patch.setattr(process, "_get", cut)
        assert run(sqs_event(message)) == ["message-0"]
    assert keys(s3) == []
    assert run(sqs_event(message)) == []
    assert result(s3, "a.png")["status"] == "predicted"


def test_a_missing_model_returns_the_message(
    s3: Any,
    run: Run,
    upload: Callable[..., str],
    image_bytes: ImageBytes,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setenv("MODEL_DIR", str(tmp_path))
    assert run(sqs_event(upload("a.png", image_bytes()))) == ["message-0"]
    assert keys(s3) == []


def test_a_failure_of_the_model_returns_the_message(
    s3: Any,
    run: Run,
    upload: Callable[..., str],
    image_bytes: ImageBytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def explode(*_args: Any, **_kwargs: Any) -> None:
        raise RuntimeError("out of memory")

    monkeypatch.setattr(process_predictor(), "predict", explode)
    assert run(sqs_event(upload("a.png", image_bytes()))) == ["message-0"]
    assert keys(s3) == []


def test_a_missing_setting_returns_the_message_and_is_logged(
    s3: Any,
    run: Run,
    upload: Callable[..., str],
    image_bytes: ImageBytes,
    monkeypatch: pytest.MonkeyPatch,
    log: io.StringIO,
) -> None:
    monkeypatch.delenv("RESULTS_BUCKET")
    assert run(sqs_event(upload("a.png", image_bytes()))) == ["message-0"]
    assert "RESULTS_BUCKET" in log.getvalue()


def test_the_log_contains_nothing_about_the_patient(
    s3: Any,
    run: Run,
    upload: Callable[..., str],
    image_bytes: ImageBytes,
    monkeypatch: pytest.MonkeyPatch,
    log: io.StringIO,
) -> None:
    monkeypatch.setenv("POWERTOOLS_LOGGER_LOG_EVENT", "true")
    good = upload("jane-doe.png", image_bytes())
    bad = upload("jane-doe.txt", b"jane-doe")
    missing = upload("jane-doe-gone.png", image_bytes(), versionId="nothere")
    damaged = upload("jane-doe-damaged.png", image_bytes(), sequencer="not hexadecimal")
    assert run(sqs_event(good, bad, missing, damaged)) == ["message-3"]
    written = log.getvalue()
    assert written.count("processed") == 3
    assert "record failed" in written
    for secret in ("jane-doe", '"pneumonia":', "likely"):
        assert secret not in written


@pytest.mark.parametrize("data", [b"image", bytes(6000)], ids=["refused", "too large to be read"])
def test_correlation_id_of_the_metadata_is_in_result_and_log(
    s3: Any, run: Run, upload: Callable[..., str], log: io.StringIO, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    monkeypatch.setenv("MAX_IMAGE_BYTES", "5000")
    chosen = "7d444840-9dc0-11d1-b245-5ffdce74fad2"
    assert run(sqs_event(upload("a.png", data, metadata={"correlation-id": chosen.upper()}))) == []
    assert result(s3, "a.png")["correlation_id"] == chosen
    assert [json.loads(line)["correlation_id"] for line in log.getvalue().splitlines()] == [chosen]


def test_correlation_id_is_derived_if_the_metadata_has_another_form(
    s3: Any, run: Run, upload: Callable[..., str], log: io.StringIO
) -> None:
    message = upload("a.png", b"image", metadata={"correlation-id": "jane-doe-1931"})
    assert run(sqs_event(message)) == []
    derived = correlation.derived(parse_message(message)[0])
    assert result(s3, "a.png")["correlation_id"] == derived
    assert "jane-doe" not in log.getvalue()


def test_correlation_id_of_a_failed_record_is_logged_with_its_message(
    s3: Any, run: Run, upload: Callable[..., str], log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = "7d444840-9dc0-11d1-b245-5ffdce74fad2"
    messages = [upload("a.png", b"image", metadata={"correlation-id": chosen}), "not json"]
    monkeypatch.setattr(process, "store", None)
    assert run(sqs_event(*messages)) == ["message-0", "message-1"]
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    first, second = sorted(lines, key=lambda line: line["message_id"])  # the records of a batch overlap
    assert (first["message_id"], first["receive_count"], first["correlation_id"]) == ("message-0", "1", chosen)
    assert second["message_id"] == "message-1"
    assert "correlation_id" not in second  # the one of the message before does not stay


def test_event_time_orders_events_without_sequencer(
    s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes
) -> None:
    message = json.loads(upload("a.png", image_bytes(), sequencer=None))
    later = json.loads(json.dumps(message))
    later["Records"][0]["eventTime"] = "2026-11-20T09:14:34.000Z"
    assert run(sqs_event(json.dumps(later), json.dumps(message))) == []
    metadata = s3.head_object(Bucket=RESULTS, Key="a.png.json")["Metadata"]
    assert metadata["source-event-time"] == datetime(2026, 11, 20, 9, 14, 34, tzinfo=UTC).isoformat()


class Careful:
    """Replaces the predictor's decoding. It records how each image is decoded, and can end the function."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.apart: list[bool] = []
        self._decode: Callable[..., DecodedImage] = decode_in_time
        monkeypatch.setattr("pneumonia.predictor.decode_in_time", self)

    def __call__(self, data: bytes, limits: Limits, enough: int, *, apart: bool) -> DecodedImage:
        self.apart.append(apart)
        return self._decode(data, limits, enough, apart=apart)


@pytest.fixture
def careful(monkeypatch: pytest.MonkeyPatch) -> Careful:
    return Careful(monkeypatch)


def delivered(event: Event, *counts: int) -> Event:
    for record, number in zip(event["Records"], counts, strict=True):
        record["attributes"]["ApproximateReceiveCount"] = str(number)
    return event


@pytest.mark.parametrize(("counts", "apart"), [((1, 1), False), ((1, 2), True), ((4, 3), True), ((5, 5), True)])
def test_images_of_a_redelivered_batch_are_decoded_in_the_separate_process(
    counts: tuple[int, int], apart: bool, s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes,
    careful: Careful,
) -> None:  # fmt: skip
    messages = [upload(key, image_bytes(grey=255)) for key in ("a.png", "b.png")]
    assert run(delivered(sqs_event(*messages), *counts)) == []
    assert careful.apart == [apart, apart]
    assert [result(s3, key)["status"] for key in ("a.png", "b.png")] == ["predicted", "predicted"]


@pytest.fixture
def mortal(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Make decoders crash on images that contain certain texts."""
    monkeypatch.syspath_prepend(Path(__file__).parents[2] / "killers")
    process_decoder().close()
    monkeypatch.setenv("DECODE_SECONDS", "3")
    yield
    process_decoder().close()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("takes all memory", "too_large"),
        ("is killed", "too_large"),
        pytest.param("never ends", "took_too_long", marks=pytest.mark.slow),
    ],
)
def test_an_image_that_crashes_its_process_is_refused_when_redelivered(
    text: str, code: str, mortal: None, s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes
) -> None:
    note = PngInfo()
    note.add_text("Comment", text)
    messages = [upload("killer.png", image_bytes(grey=30, pnginfo=note)), upload("b.png", image_bytes(grey=255))]
    assert run(delivered(sqs_event(*messages), 2, 2)) == []
    assert (result(s3, "killer.png")["status"], result(s3, "killer.png")["code"]) == ("rejected", code)
    assert result(s3, "b.png")["status"] == "predicted"


class FunctionEnded(BaseException):
    """An exception that the worker does not handle. It leaves the same state as a process that ends."""


def test_an_image_has_a_failed_result_before_its_last_attempt(
    s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes, careful: Careful,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def end(*_arguments: Any, **_options: Any) -> DecodedImage:
        raise FunctionEnded

    careful._decode, intact = end, careful._decode
    message = upload("a.png", image_bytes(grey=255))
    for count in (4, 5):
        assert keys(s3) == []
        with pytest.raises(FunctionEnded):
            run(delivered(sqs_event(message), count))
    assert (result(s3, "a.png")["status"], result(s3, "a.png")["code"]) == ("rejected", "processing_failed")
    careful._decode = intact  # after a redrive
    assert run(sqs_event(message)) == []
    assert result(s3, "a.png")["status"] == "predicted"
