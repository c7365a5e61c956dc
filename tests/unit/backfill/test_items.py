from datetime import UTC, datetime
from typing import Any

import pytest

from pneumonia.backfill.items import DELETE_MARKER, FOLDER, OUTSIDE_PREFIX, SUPERSEDED, NotAnItem, parse_item


def listed(**fields: Any) -> dict[str, Any]:
    return {
        "Key": "a.png",
        "Etag": '"0cc1"',
        "LastModified": 1_700_000_000,
        "Size": 12,
        "StorageClass": "STANDARD",
    } | fields


def row(**fields: Any) -> dict[str, str]:
    return {
        "Bucket": "archive", "Key": "a.png", "VersionId": "v1", "IsLatest": "true", "IsDeleteMarker": "false",
        "Size": "12", "LastModifiedDate": "2023-11-14T22:13:20.000Z", "ETag": "0cc1",
    } | fields  # fmt: skip


def test_an_entry_of_a_listing() -> None:
    item = parse_item(listed(), "archive", "listing")
    assert (item.bucket, item.keys, item.version_id, item.etag) == ("archive", ("a.png",), None, "0cc1")
    assert (item.last_modified, item.size, item.skip) == (datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), 12, None)


def test_a_row_of_an_inventory() -> None:
    item = parse_item(row(), "other", "inventory")
    assert (item.bucket, item.keys, item.version_id, item.etag) == ("archive", ("a.png",), "v1", "0cc1")
    assert (item.last_modified, item.size, item.skip) == (datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), 12, None)


def test_two_columns_are_enough() -> None:
    item = parse_item({"Bucket": "archive", "Key": "a.png"}, "archive", "inventory")
    assert (item.key, item.version_id, item.last_modified, item.size, item.skip) == ("a.png", None, None, None, None)


@pytest.mark.parametrize(
    ("written", "keys"),
    [
        ("a+b.png", ("a b.png", "a+b.png")),
        ("a%2Bb.png", ("a+b.png", "a%2Bb.png")),
        ("R%C3%B6ntgen%2Fx.png", ("Röntgen/x.png", "R%C3%B6ntgen%2Fx.png")),
        ("100%25.png", ("100%.png", "100%25.png")),
        ("plain/x.png", ("plain/x.png",)),
        ("%FF.png", ("%FF.png",)),
    ],
)
def test_keys_of_an_inventory_are_encoded(written: str, keys: tuple[str, ...]) -> None:
    # The unchanged text comes second, in case the CSV was already decoded.
    assert parse_item(row(Key=written), "archive", "inventory").keys == keys


@pytest.mark.parametrize("key", ["a+b.png", "100%25.png", "a%20b.png"])
def test_keys_of_a_listing_are_not_encoded(key: str) -> None:
    assert parse_item(listed(Key=key), "archive", "listing").keys == (key,)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"IsLatest": "false"}, SUPERSEDED),
        ({"IsLatest": False}, SUPERSEDED),
        ({"IsDeleteMarker": "true", "Size": ""}, DELETE_MARKER),
        ({"IsDeleteMarker": "true", "IsLatest": "false", "Size": ""}, DELETE_MARKER),
        ({"Key": "images/", "Size": "0"}, FOLDER),
        ({"Key": "images/", "Size": "7"}, None),
        ({"IsLatest": "TRUE"}, None),
    ],
)
def test_skipped_items(fields: dict[str, Any], reason: str | None) -> None:
    assert parse_item(row(**fields), "archive", "inventory").skip == reason


def test_a_prefix_applies_to_decoded_keys() -> None:
    assert parse_item(row(Key="ward+3/a.png"), "archive", "inventory", prefix="ward 3/").skip is None
    assert parse_item(row(Key="ward+4/a.png"), "archive", "inventory", prefix="ward 3/").skip == OUTSIDE_PREFIX


@pytest.mark.parametrize(
    "time", ["2023-11-14T22:13:20Z", "2023-11-14T22:13:20.000Z", "2023-11-14T22:13:20", 1_700_000_000.0]
)
def test_times_of_every_form(time: Any) -> None:
    found = parse_item(listed(LastModified=time), "archive", "listing").last_modified
    assert found == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


@pytest.mark.parametrize(
    "raw",
    ["Jane.png", None, {}, {"Key": ""}, {"Key": 3}, listed(Size="many"), listed(LastModified="Jane"), listed(Size=[])],
)
def test_an_invalid_item_is_reported_without_quoting_it(raw: Any) -> None:
    with pytest.raises(NotAnItem) as caught:
        parse_item(raw, "archive", "listing")
    assert "Jane" not in str(caught.value)
