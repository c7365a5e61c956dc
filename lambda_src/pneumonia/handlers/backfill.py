"""Lambda handler of the backfill's state machine (infra/backfill_definition.py): batches in, counts out.

What is wrong with an image is a result, as in the upload path. What is wrong with us is raised; Step Functions tries
again, and counts the batch as failed in the end. Neither events nor errors are logged with keys.
"""

import functools
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from pneumonia import metrics
from pneumonia.backfill.batch import Batch
from pneumonia.backfill.items import parse_item
from pneumonia.backfill.summary import summarise
from pneumonia.handlers.startup import load_in_init_phase
from pneumonia.settings import process_settings
from pneumonia.uploads.process import process_upload, results_store

# Time to leave for the image under way: with less than this no other is begun.
_RESERVE_MS = 15_000

logger = Logger()


class NotABackfillEvent(ValueError):
    """The event is none of those that the state machine sends."""


# Never logs the event, whatever POWERTOOLS_LOGGER_LOG_EVENT says: it holds keys.
@logger.inject_lambda_context(log_event=False, clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Process a batch (`Items`), conclude one that was run image by image (`Outcomes`), or sum up a `Run`.

    Returns the counts of the batch (pneumonia/backfill/tally.py), or the summary.
    """
    metrics.cold_start(metrics.BACKFILL)
    results = results_store()
    if "Run" in event:
        return summarise(results.client, results.bucket, event["Run"], event["ToleratedPercent"], datetime.now(UTC))
    try:
        given = event["BatchInput"]
        parse = functools.partial(parse_item, bucket=given["bucket"], source=given["source"], prefix=given["prefix"])
    except (KeyError, TypeError):
        raise NotABackfillEvent("The event has neither a batch nor a run.") from None
    process = functools.partial(process_upload, function=metrics.BACKFILL)
    batch = Batch(results, process_settings().uploads_bucket, process)
    if "Outcomes" in event:
        tally = batch.conclude(event["Outcomes"], parse, context.aws_request_id)
    else:
        items = [parse(raw) for raw in event["Items"]]
        tally = batch.run(items, context.aws_request_id, lambda: context.get_remaining_time_in_millis() > _RESERVE_MS)
    counts = tally.to_json()
    logger.info("batch done", counts=counts)
    return counts


load_in_init_phase(logger)
