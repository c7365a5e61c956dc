import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from pneumonia.uploads import events
from pneumonia.uploads.events import Care, Message, NotAnS3Event, Upload, parse_message
from tests.conftest import LoadEvent


@pytest.fixture
def body(load_event: LoadEvent) -> Callable[[str], str]:
    """Return the message body of a recorded SQS event."""
    return lambda name: load_event(name)["Records"][0]["body"]


@pytest.fixture
def message(body: Callable[[str], str]) -> dict[str, Any]:
    """Return a recorded S3 event that tests may change."""
    event: dict[str, Any] = json.loads(body("sqs_s3_put_versioned"))
    return event


def test_put(body: Callable[[str], str]) -> None:
    assert parse_message(body("sqs_s3_put")) == [
        Upload(
            bucket="pneumonia-uploads-123456789012",
            key="films/chest-001.png",
            version_id=None,
            etag="d41d8cd98f00b204e9800998ecf8427e",
            sequencer="006740A1F97C4B3D21",
            event_time=datetime(2026, 11, 20, 9, 14, 33, 516_000, tzinfo=UTC),
            size=98304,
        )
    ]


def test_versioned_put_with_spaces_unicode_plus_and_slash(body: Callable[[str], str]) -> None:
    upload = parse_message(body("sqs_s3_put_versioned"))[0]
    assert upload.key == "ward 3/Röntgen+links (1).png"
    assert upload.version_id == "3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY+MTRCxf3vjVBH40Nr8X8gdRQBpUMLUo"


@pytest.mark.parametrize(
    ("name", "key", "etag"),
    [
        ("sqs_s3_multipart", "films/large.jpg", "b54357faf0632cce46e942fa68356b38-3"),
        ("sqs_s3_copy", "films/copy-of-chest-001.png", "d41d8cd98f00b204e9800998ecf8427e"),
    ],
)
def test_multipart_and_copy(body: Callable[[str], str], name: str, key: str, etag: str) -> None:
    upload = parse_message(body(name))[0]
    assert (upload.key, upload.etag) == (key, etag)


def test_test_event_is_dropped(body: Callable[[str], str]) -> None:
    assert parse_message(body("sqs_s3_test_event")) == []


def test_several_records_keep_their_order(message: dict[str, Any]) -> None:
    other = json.loads(json.dumps(message["Records"][0]))
    other["s3"]["object"]["key"] = "second.png"
    message["Records"].append(other)
    assert [upload.key for upload in parse_message(json.dumps(message))] == [
        "ward 3/Röntgen+links (1).png",
        "second.png",
    ]


@pytest.mark.parametrize("name", ["ObjectRemoved:Delete", "ObjectTagging:Put", "ObjectRestore:Completed"])
def test_other_events_are_dropped(message: dict[str, Any], name: str) -> None:
    message["Records"][0]["eventName"] = name
    assert parse_message(json.dumps(message)) == []


def test_folder_markers_are_dropped_but_not_files_that_look_like_one(message: dict[str, Any]) -> None:
    thing = message["Records"][0]["s3"]["object"]
    thing |= {"key": "ward+3/", "size": 0}
    assert parse_message(json.dumps(message)) == []
    thing["size"] = 10
    assert [upload.key for upload in parse_message(json.dumps(message))] == ["ward 3/"]


def test_minor_versions_and_new_fields_are_accepted(message: dict[str, Any]) -> None:
    message["Records"][0] |= {"eventVersion": "2.6", "somethingNew": {"x": 1}}
    assert len(parse_message(json.dumps(message))) == 1


def test_optional_fields(message: dict[str, Any]) -> None:
    thing = message["Records"][0]["s3"]["object"]
    del thing["sequencer"], thing["size"]
    thing["versionId"] = None
    upload = parse_message(json.dumps(message))[0]
    assert (upload.sequencer, upload.size, upload.version_id) == (None, None, None)


@pytest.mark.parametrize(
    "body", ["", "not json", "[]", "null", "{}", '{"Records": {}}', '{"Records": [1]}', "[" * 100_000]
)
def test_other_messages_are_errors(body: str) -> None:
    with pytest.raises(NotAnS3Event):
        parse_message(body)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("eventSource",), "aws:sns"),
        (("eventVersion",), "3.0"),
        (("eventTime",), "yesterday"),
        (("eventTime",), "2026-11-20T09:14:33.516"),
        (("s3", "object"), None),
        (("s3", "object", "key"), None),
        (("s3", "object", "key"), "%ff.png"),
        (("s3", "object", "size"), "large"),
        (("s3", "object", "sequencer"), "not hexadecimal"),
    ],
)
def test_a_damaged_record_is_an_error_that_does_not_quote_the_key(
    message: dict[str, Any], path: tuple[str, ...], value: Any
) -> None:
    entry = message["Records"][0]
    for name in path[:-1]:
        entry = entry[name]
    entry[path[-1]] = value
    with pytest.raises(NotAnS3Event) as refused:
        parse_message(json.dumps(message))
    assert "ntgen" not in str(refused.value)


def record(body: str) -> dict[str, Any]:
    return {"messageId": "m-1", "body": body, "attributes": {"ApproximateReceiveCount": "2"}}


def test_a_message_is_parsed_once_and_its_lane_is_its_object(
    message: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies: list[str] = []

    def counted(body: str) -> list[Upload]:
        bodies.append(body)
        return parse_message(body)

    monkeypatch.setattr(events, "parse_message", counted)
    found = Message.from_record(record(json.dumps(message)))
    assert (found.id, found.receive_count, found.care) == ("m-1", 2, Care.APART)
    (upload,) = found.uploads()
    assert found.lane() == (upload.bucket, upload.key)
    assert bodies == [json.dumps(message)]


def test_an_invalid_message_raises_when_it_is_processed() -> None:
    found = Message.from_record(record("not json"))
    assert found.lane() == "m-1"
    with pytest.raises(NotAnS3Event):
        found.uploads()


def test_a_message_without_uploads_has_a_separate_lane() -> None:
    found = Message.from_record(record('{"Event": "s3:TestEvent"}'))
    assert (found.lane(), found.uploads()) == ("m-1", [])
