"""Lambda handler of the backfill's state machine (infra/backfill_definition.py): processes batches, summarises runs.

An error in an image becomes a result, as in the upload path. A failure of the service is raised: Step Functions tries
again, and finally counts the batch as failed. Events and errors are logged without keys.
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

# If less time than this is left, no further image is started.
_RESERVE_MS = 15_000

logger = Logger()


class NotABackfillEvent(ValueError):
    """The event does not have the form that the state machine sends."""


# Never logs the event, even if POWERTOOLS_LOGGER_LOG_EVENT is set, because it contains keys.
@logger.inject_lambda_context(log_event=False, clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Process a batch (`Items`), conclude a batch that ran image by image (`Outcomes`), or summarise a `Run`.

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
        raise NotABackfillEvent("The event contains neither a batch nor a run.") from None
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
