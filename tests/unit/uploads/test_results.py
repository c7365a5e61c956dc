from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from pneumonia.uploads.results import Order, ResultConflict, Results, WriteOutcome
from tests.conftest import RESULTS

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
OLD = Order("0055AED6DCD90281E5", NOON)
NEW = Order("0055AED6DCD90281E6", NOON + timedelta(seconds=1))


def stored(s3: Any, key: str = "a.json") -> bytes:
    body: bytes = s3.get_object(Bucket=RESULTS, Key=key)["Body"].read()
    return body


def put(results: Results, body: bytes, order: Order) -> WriteOutcome:
    return results.put_if_newer("a.json", body, "application/json", order)


class Meddling:
    """An S3 client that runs a function just before chosen calls, in the role of other writers."""

    def __init__(self, client: Any, *meddlers: Any) -> None:
        self._client = client
        self._meddlers = list(meddlers)
        self.puts: list[dict[str, Any]] = []

    def put_object(self, **arguments: Any) -> Any:
        self.puts.append(arguments)
        if self._meddlers:
            meddle = self._meddlers.pop(0)
            if meddle is not None:
                meddle()
        return self._client.put_object(**arguments)

    def head_object(self, **arguments: Any) -> Any:
        return self._client.head_object(**arguments)


def fail(code: str, status: int) -> Any:
    def meddle() -> None:
        answer: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
        raise ClientError(answer, "PutObject")

    return meddle


class TestOrder:
    def test_sequencer_decides_over_time(self) -> None:
        early, late = Order("0A", NOON + timedelta(hours=1)), Order("0B", NOON)
        assert early.compare(late) < 0 < late.compare(early)

    def test_same_event(self) -> None:
        assert OLD.compare(Order(OLD.sequencer, NOON + timedelta(hours=1))) == 0

    def test_shorter_sequencer_is_padded_on_the_right(self) -> None:
        assert Order("00F1", NOON).compare(Order("00F", NOON)) > 0
        assert Order("00F", NOON).compare(Order("00EFFF", NOON)) > 0
        assert Order("00F0", NOON).compare(Order("00F", NOON)) == 0

    @pytest.mark.parametrize(("mine", "theirs"), [(None, None), ("0A", None), (None, "0A")])
    def test_time_decides_without_a_sequencer(self, mine: str | None, theirs: str | None) -> None:
        early, late = Order(mine, NOON), Order(theirs, NOON + timedelta(milliseconds=1))
        assert early.compare(late) < 0 < late.compare(early)
        assert early.compare(Order(theirs, NOON)) == 0

    @pytest.mark.parametrize("sequencer", [None, "0A"])
    def test_two_versions_are_not_duplicates(self, sequencer: str | None) -> None:
        one, two = Order(sequencer, NOON, "Ab"), Order(sequencer, NOON, "aB")
        assert one.compare(two) < 0 < two.compare(one)
        assert one.compare(Order(sequencer, NOON, "Ab")) == 0

    @pytest.mark.parametrize("sequencer", [None, "0A"])
    def test_time_decides_over_the_text_of_versions(self, sequencer: str | None) -> None:
        early, late = Order(sequencer, NOON, "z"), Order(sequencer, NOON + timedelta(milliseconds=1), "a")
        assert early.compare(late) < 0 < late.compare(early)

    def test_sequencer_decides_over_versions(self) -> None:
        early, late = Order("0A", NOON, "z"), Order("0B", NOON, "a")
        assert early.compare(late) < 0 < late.compare(early)

    @pytest.mark.parametrize("sequencer", [None, "0A"])
    def test_an_unknown_version_makes_no_difference(self, sequencer: str | None) -> None:
        known, unknown = Order(sequencer, NOON, "a"), Order(sequencer, NOON)
        assert known.compare(unknown) == unknown.compare(known) == 0

    @pytest.mark.parametrize(("mine", "theirs"), [(None, None), ("0A", None), (None, "0A")])
    def test_one_version_is_the_same_in_events_and_listings(self, mine: str | None, theirs: str | None) -> None:
        event, listing = Order(mine, NOON, "Ab"), Order(theirs, NOON - timedelta(milliseconds=500), "Ab")
        assert event.compare(listing) == listing.compare(event) == 0

    def test_the_version_null_may_be_several_objects(self) -> None:
        early, late = Order(None, NOON, "null"), Order(None, NOON + timedelta(seconds=1), "null")
        assert early.compare(late) < 0 < late.compare(early)

    @pytest.mark.parametrize("order", [OLD, Order(None, NOON), Order(None, NOON, "3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY")])
    def test_metadata_round_trip(self, order: Order) -> None:
        assert Order.from_metadata(order.to_metadata()) == order

    @pytest.mark.parametrize("metadata", [{}, {"source-event-time": "yesterday"}])
    def test_foreign_metadata(self, metadata: dict[str, str]) -> None:
        assert Order.from_metadata(metadata) is None


def test_any_result_replaces_a_provisional_one(s3: Any) -> None:
    results = Results(boto3.client("s3"), RESULTS)
    assert (
        results.put_if_newer("a.json", b"provisional", "application/json", NEW, provisional=True)
        is WriteOutcome.WRITTEN
    )
    assert results.find("a.json") == (None, b"provisional")
    assert put(results, b"real", NEW) is WriteOutcome.WRITTEN
    # A provisional result never replaces the same or a newer one.
    for order, outcome in ((NEW, WriteOutcome.DUPLICATE), (OLD, WriteOutcome.STALE)):
        assert results.put_if_newer("a.json", b"x", "application/json", order, provisional=True) is outcome
    assert results.find("a.json") == (NEW, b"real")
    assert results.find("b.json") is None


class TestHasNewer:
    def test_nothing_there(self, s3: Any) -> None:
        assert not Results(boto3.client("s3"), RESULTS).has_newer("a.json", OLD)

    @pytest.mark.parametrize(("order", "newer"), [(OLD, True), (NEW, False)])
    def test_order_of_an_existing_object(self, s3: Any, order: Order, newer: bool) -> None:
        results = Results(boto3.client("s3"), RESULTS)
        put(results, b"new", NEW)
        assert results.has_newer("a.json", order) is newer

    def test_an_object_of_unknown_order(self, s3: Any) -> None:
        s3.put_object(Bucket=RESULTS, Key="a.json", Body=b"by hand")
        assert not Results(boto3.client("s3"), RESULTS).has_newer("a.json", OLD)

    def test_s3_returns_forbidden_for_missing_objects_without_list_permission(self, aws_credentials: None) -> None:
        client = boto3.client("s3")
        with Stubber(client) as stub:
            stub.add_client_error("head_object", "403", http_status_code=403)
            assert not Results(client, RESULTS).has_newer("a.json", OLD)

    def test_other_failures_are_raised(self, aws_credentials: None) -> None:
        client = boto3.client("s3")
        with Stubber(client) as stub:
            stub.add_client_error("head_object", "503", http_status_code=503)
            with pytest.raises(ClientError):
                Results(client, RESULTS).has_newer("a.json", OLD)


class TestPutIfNewer:
    def test_first(self, s3: Any) -> None:
        assert put(Results(boto3.client("s3"), RESULTS), b"one", OLD) is WriteOutcome.WRITTEN
        found = s3.get_object(Bucket=RESULTS, Key="a.json")
        assert (found["Body"].read(), found["ContentType"]) == (b"one", "application/json")
        assert Order.from_metadata(found["Metadata"]) == OLD

    def test_duplicate(self, s3: Any) -> None:
        results = Results(boto3.client("s3"), RESULTS)
        put(results, b"one", OLD)
        assert put(results, b"again", OLD) is WriteOutcome.DUPLICATE
        assert stored(s3) == b"one"

    def test_older_after_newer(self, s3: Any) -> None:
        results = Results(boto3.client("s3"), RESULTS)
        put(results, b"new", NEW)
        assert put(results, b"old", OLD) is WriteOutcome.STALE
        assert stored(s3) == b"new"

    def test_newer_after_older(self, s3: Any) -> None:
        results = Results(boto3.client("s3"), RESULTS)
        put(results, b"old", OLD)
        assert put(results, b"new", NEW) is WriteOutcome.WRITTEN
        assert stored(s3) == b"new"
        assert put(results, b"old", OLD) is WriteOutcome.STALE

    def test_an_object_of_unknown_order_is_replaced(self, s3: Any) -> None:
        s3.put_object(Bucket=RESULTS, Key="a.json", Body=b"by hand")
        assert put(Results(boto3.client("s3"), RESULTS), b"one", OLD) is WriteOutcome.WRITTEN
        assert stored(s3) == b"one"

    def test_every_write_has_a_condition(self, s3: Any) -> None:
        client: Any = Meddling(boto3.client("s3"))
        put(Results(client, RESULTS), b"old", OLD)
        etag = s3.head_object(Bucket=RESULTS, Key="a.json")["ETag"]
        put(Results(client, RESULTS), b"new", NEW)
        conditions = [(call.get("IfNoneMatch"), call.get("IfMatch")) for call in client.puts]
        assert conditions == [("*", None), ("*", None), (None, etag)]

    def test_a_newer_result_written_between_check_and_write_wins(self, s3: Any) -> None:
        plain = Results(boto3.client("s3"), RESULTS)
        put(plain, b"oldest", Order("00", NOON))
        client: Any = Meddling(boto3.client("s3"), None, lambda: put(plain, b"new", NEW))
        assert put(Results(client, RESULTS), b"old", OLD) is WriteOutcome.STALE
        assert stored(s3) == b"new"

    def test_an_older_result_written_between_check_and_write_loses(self, s3: Any) -> None:
        plain = Results(boto3.client("s3"), RESULTS)
        put(plain, b"oldest", Order("00", NOON))
        client: Any = Meddling(boto3.client("s3"), None, lambda: put(plain, b"old", OLD))
        assert put(Results(client, RESULTS), b"new", NEW) is WriteOutcome.WRITTEN
        assert stored(s3) == b"new"

    def test_a_result_removed_between_check_and_write(self, s3: Any) -> None:
        put(Results(boto3.client("s3"), RESULTS), b"old", OLD)
        client: Any = Meddling(boto3.client("s3"), None, lambda: s3.delete_object(Bucket=RESULTS, Key="a.json"))
        assert put(Results(client, RESULTS), b"new", NEW) is WriteOutcome.WRITTEN
        assert stored(s3) == b"new"

    def test_a_conflict_with_a_write_in_progress_is_tried_again(self, s3: Any) -> None:
        client: Any = Meddling(boto3.client("s3"), fail("ConditionalRequestConflict", 409))
        assert put(Results(client, RESULTS), b"one", OLD) is WriteOutcome.WRITTEN
        assert stored(s3) == b"one"

    def test_a_conflict_with_a_write_that_never_ended_is_tried_again(self, s3: Any) -> None:
        # S3 returns 409 while another write is in progress, and 403 to the next HEAD if that write fails.
        client: Any = Meddling(boto3.client("s3"), fail("PreconditionFailed", 412))
        assert put(Results(client, RESULTS), b"one", OLD) is WriteOutcome.WRITTEN
        assert stored(s3) == b"one"

    def test_a_check_that_is_always_forbidden_is_raised(self, s3: Any) -> None:
        client: Any = Meddling(boto3.client("s3"), *[fail("PreconditionFailed", 412)] * 5)
        with pytest.raises(ClientError, match="Forbidden"):
            put(Results(client, RESULTS), b"one", OLD)
        assert len(client.puts) == 5

    def test_an_endless_conflict_returns_to_the_queue(self, s3: Any) -> None:
        s3.put_object(Bucket=RESULTS, Key="a.json", Body=b"by hand")
        client: Any = Meddling(boto3.client("s3"), *[fail("ConditionalRequestConflict", 409)] * 10)
        with pytest.raises(ResultConflict):
            put(Results(client, RESULTS), b"one", OLD)
        assert len(client.puts) == 10

    @pytest.mark.parametrize(("code", "status"), [("AccessDenied", 403), ("InternalError", 500)])
    def test_other_failures_are_raised(self, s3: Any, code: str, status: int) -> None:
        client: Any = Meddling(boto3.client("s3"), fail(code, status))
        with pytest.raises(ClientError, match=code):
            put(Results(client, RESULTS), b"one", OLD)

    def test_missing_bucket_is_raised(self, s3: Any) -> None:
        with pytest.raises(ClientError, match="NoSuchBucket"):
            put(Results(boto3.client("s3"), "elsewhere"), b"one", OLD)
