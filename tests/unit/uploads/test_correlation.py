import dataclasses
import uuid
from datetime import UTC, datetime

import pytest

from pneumonia.uploads import correlation
from pneumonia.uploads.events import Upload
from pneumonia.uploads.ids import new_id, upload_key

UPLOAD = Upload(
    bucket="uploads",
    key="jane-doe.png",
    version_id="3sL4kqtJlcpXroDTDmJ",
    etag="0123",
    sequencer="0A",
    event_time=datetime(2026, 1, 1, tzinfo=UTC),
    size=1,
)


def but(**changes: object) -> str:
    return correlation.derived(dataclasses.replace(UPLOAD, **changes))  # type: ignore[arg-type]


def test_every_delivery_of_an_event_has_the_same_id() -> None:
    assert correlation.derived(UPLOAD) == but(size=None)
    uuid.UUID(correlation.derived(UPLOAD))


def test_another_version_key_or_bucket_has_another_id() -> None:
    ids = {but(), but(version_id="other"), but(key="b.png"), but(bucket="others"), but(version_id=None)}
    assert len(ids) == 5


def test_without_versions_content_and_order_distinguish_events() -> None:
    later = datetime(2026, 1, 2, tzinfo=UTC)
    ids = {
        but(version_id=None),
        but(version_id=None, etag="4567"),
        but(version_id=None, sequencer="0B"),
        but(version_id=None, sequencer=None),
        but(version_id=None, sequencer=None, event_time=later),
    }
    assert len(ids) == 5


def test_an_upload_requested_over_http_has_one_id_for_all_versions() -> None:
    upload_id = new_id(0)
    key = upload_key(upload_id)
    assert but(key=key) == but(key=key, version_id="other") == correlation.of_upload_id(upload_id)
    assert correlation.of_upload_id(new_id(0)) != correlation.of_upload_id(upload_id)


@pytest.mark.parametrize(
    "key", ["api/jane-doe", "other/" + new_id(0), new_id(0)], ids=["no id", "another prefix", "no prefix"]
)
def test_a_key_that_only_looks_similar_is_not_such_an_upload(key: str) -> None:
    assert but(key=key) != but(key=key, version_id="other")


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("7d444840-9dc0-11d1-b245-5ffdce74fad2", "7d444840-9dc0-11d1-b245-5ffdce74fad2"),
        (" 7D444840-9DC0-11D1-B245-5FFDCE74FAD2 ", "7d444840-9dc0-11d1-b245-5ffdce74fad2"),
        ("7d4448409dc011d1b2455ffdce74fad2", None),
        ("jane-doe", None),
        ("7d444840-9dc0-11d1-b245-5ffdce74fad2\njane-doe", None),
        ("", None),
    ],
)
def test_only_a_uuid_is_taken_from_the_metadata(text: str, taken: str | None) -> None:
    assert correlation.carried({"correlation-id": text}) == taken


def test_metadata_may_have_no_id() -> None:
    assert correlation.carried({"force": "true"}) is None
