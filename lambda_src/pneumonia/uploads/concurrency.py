"""The records of a batch, a few at a time: while one film is computed, others are read from S3 and written to it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

IN_FLIGHT = 4
"""Records at once. A record waits for S3 four times and computes once; more of them gain little (bench/README.md), and
each holds its file in memory, of `max_image_bytes` at most."""


class OverlappingProcessor(BatchProcessor):
    """Powertools' processor of partial batches with threads. Its answer names failed records in their order.

    `lane` names the lane of a record: records of one lane are handled one after the other, in their order.
    """

    def __init__(self, lane: Callable[[dict[str, Any]], object]) -> None:
        # Not raising when every record fails: the partial response then names them all, which does the same without
        # counting as an error of the function.
        super().__init__(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
        self._lane = lane

    def process(self) -> list[tuple[Any, ...]]:
        """Call the handler for every record; the outcomes, lane by lane."""
        lanes: dict[object, list[dict[str, Any]]] = {}
        for record in self.records:
            lanes.setdefault(self._lane(record), []).append(record)
        with ThreadPoolExecutor(IN_FLIGHT, thread_name_prefix="record") as pool:
            outcomes = [outcome for lane in pool.map(self._process_lane, lanes.values()) for outcome in lane]
        places = {record["messageId"]: place for place, record in enumerate(self.records)}
        self.fail_messages.sort(key=lambda record: places[cast(SQSRecord, record).message_id])
        return outcomes

    def _process_lane(self, records: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
        return [self._process_record(record) for record in records]
