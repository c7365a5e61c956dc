"""Whatever the order and number of deliveries, the result that stays is that of the newest event."""

from datetime import UTC, datetime
from typing import Any, cast

from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from pneumonia.uploads.results import Order, Results, WriteOutcome

TIME = datetime(2026, 1, 1, tzinfo=UTC)


class Bucket:
    """Conditional writes as S3 answers them, in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[str, dict[str, str], bytes]] = {}
        self.writes = 0

    def put_object(self, **request: Any) -> dict[str, str]:
        stored = self.objects.get(request["Key"])
        wanted = request.get("IfMatch")
        if stored[0] != wanted if stored else wanted is not None:
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "PutObject")
        self.writes += 1
        self.objects[request["Key"]] = (f'"{self.writes}"', request["Metadata"], request["Body"])
        return {"ETag": f'"{self.writes}"'}

    def head_object(self, **request: Any) -> dict[str, Any]:
        etag, metadata, _ = self.objects[request["Key"]]
        return {"ETag": etag, "Metadata": metadata}


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30))
def test_newest_event_stays_after_any_deliveries(deliveries: list[int]) -> None:
    bucket = Bucket()
    results = Results(cast(Any, bucket), "results")
    newest = -1
    for number in deliveries:
        order = Order(f"{number:016X}", TIME)
        outcome = results.put_if_newer("film.json", str(number).encode(), "application/json", order)
        expected = (
            WriteOutcome.WRITTEN
            if number > newest
            else WriteOutcome.DUPLICATE
            if number == newest
            else WriteOutcome.STALE
        )
        assert outcome is expected
        newest = max(newest, number)
        assert bucket.objects["film.json"][2] == str(newest).encode()
