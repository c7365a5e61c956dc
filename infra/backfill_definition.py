"""The state machine of the backfill in the Amazon States Language, as plain data.

A Distributed Map reads a listing or an S3 inventory and passes its entries in batches to the function. If the function
crashes or times out on a batch, the images of the batch are run again one by one. One bad file therefore does not
affect the others. CloudFormation substitutes `${...}`. docs/backfill.md describes the steps in words.
"""

from __future__ import annotations

from typing import Any, Final

from pneumonia_cli.stack.settings import StackSettings

RUNS_PREFIX: Final = "backfill-runs/"
"""Prefix of the files of a run in the results bucket, as in pneumonia/backfill/summary.py."""

State = dict[str, Any]

# Temporary errors of Lambda: no capacity, or a fault.
_LAMBDA_BUSY: Final = [
    "Lambda.TooManyRequestsException",
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.ClientExecutionTimeoutException",
    # A function from a container image is inactive after weeks without a call. Its next calls fail at first, for up to
    # several minutes.
    "Lambda.CodeArtifactUserPendingException",
]
# Errors that the function itself raises (pneumonia/backfill/batch.py).
_INCOMPLETE: Final = "BatchIncomplete"
_OUT_OF_TIME: Final = "OutOfTime"

# Added to the function's own time limit, for the start of a new instance.
_START_SECONDS: Final = 60

_RETRY_BUSY: Final = {
    "ErrorEquals": _LAMBDA_BUSY,
    "IntervalSeconds": 2,
    "BackoffRate": 2,
    "MaxDelaySeconds": 60,
    "MaxAttempts": 30,
    "JitterStrategy": "FULL",
}
_RETRY_INCOMPLETE: Final = {
    "ErrorEquals": [_INCOMPLETE],
    "IntervalSeconds": 15,
    "BackoffRate": 3,
    "MaxDelaySeconds": 300,
    "MaxAttempts": 4,
    "JitterStrategy": "FULL",
}
# Each try completes at least one image, so the retries end.
_RETRY_OUT_OF_TIME: Final = {
    "ErrorEquals": [_OUT_OF_TIME],
    "IntervalSeconds": 1,
    "BackoffRate": 1,
    "MaxAttempts": 100,
}
_RETRY_ONCE: Final = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "MaxAttempts": 1}


def definition(settings: StackSettings) -> State:
    """Return the whole state machine.

    Its input has `bucket`, `prefix` and `inventory` ({"bucket": ..., "key": ...} of a manifest.json). All are optional.
    Substitutions: Partition, FunctionArn, UploadBucket, ResultBucket.
    """
    listing: State = {
        "Resource": "arn:${Partition}:states:::s3:listObjectsV2",
        "Parameters": {"Bucket.$": "$.bucket", "Prefix.$": "$.prefix"},
    }
    inventory: State = {
        "Resource": "arn:${Partition}:states:::s3:getObject",
        "ReaderConfig": {"InputType": "MANIFEST"},
        "Parameters": {"Bucket.$": "$.inventory.bucket", "Key.$": "$.inventory.key"},
    }
    return {
        "Comment": "Predicts the images of an archive that have no result yet. Research use only.",
        "StartAt": "Defaults",
        "States": {
            "Defaults": {
                "Type": "Pass",
                "Parameters": {"defaults": {"bucket": "${UploadBucket}", "prefix": ""}, "given.$": "$"},
                "Next": "Merge",
            },
            "Merge": {
                "Type": "Pass",
                "Parameters": {"run.$": "States.JsonMerge($.defaults, $.given, false)"},
                "OutputPath": "$.run",
                "Next": "ListingOrInventory",
            },
            "ListingOrInventory": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.inventory.key", "IsPresent": True, "Next": "Inventory"}],
                "Default": "Listing",
            },
            "Listing": _map("listing", listing, settings),
            "Inventory": _map("inventory", inventory, settings),
            "SumUp": _sum_up(settings),
            "Acceptable": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.acceptable", "BooleanEquals": True, "Next": "Done"}],
                "Default": "TooManyFailures",
            },
            "Done": {"Type": "Succeed"},
            "TooManyFailures": {
                "Type": "Fail",
                "Error": "Backfill.TooManyFailures",
                "Cause": "The summary in the results bucket says what failed; see docs/backfill.md.",
            },
        },
    }


def _map(source: str, reader: State, settings: StackSettings) -> State:
    return {
        "Type": "Map",
        "Label": source.capitalize(),
        "ItemReader": reader,
        "ItemBatcher": {
            "MaxItemsPerBatch": settings.backfill_batch_size,
            "BatchInput": {"bucket.$": "$.bucket", "prefix.$": "$.prefix", "source": source},
        },
        "MaxConcurrency": settings.backfill_max_concurrency,
        "ToleratedFailurePercentage": settings.backfill_tolerated_failure_percent,
        "ItemProcessor": {
            # Standard: an Express child has 5 minutes in total, too little to wait for the end of throttling.
            "ProcessorConfig": {"Mode": "DISTRIBUTED", "ExecutionType": "STANDARD"},
            "StartAt": "Predict",
            "States": _child(settings),
        },
        "ResultWriter": {
            "Resource": "arn:${Partition}:states:::s3:putObject",
            "Parameters": {
                "Bucket": "${ResultBucket}",
                "Prefix.$": f"States.Format('{RUNS_PREFIX}{{}}', $$.Execution.Name)",
            },
            # One line for each batch, with only its counts, so the summary can be computed without holding all results
            # in memory.
            "WriterConfig": {"OutputType": "JSONL", "Transformation": "COMPACT"},
        },
        "ResultPath": None,
        "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.error", "Next": "SumUp"}],
        "Next": "SumUp",
    }


def _child(settings: StackSettings) -> dict[str, State]:
    """Return the states for one batch: {"BatchInput": ..., "Items": [...]}."""
    hopeless = [*_LAMBDA_BUSY, _INCOMPLETE, _OUT_OF_TIME]
    return {
        "Predict": _invoke(
            "$",
            settings,
            retry=[_RETRY_BUSY, _RETRY_INCOMPLETE, _RETRY_OUT_OF_TIME],
            catch={"GiveUp": hopeless, "ImageByImage": ["States.ALL"]},
            End=True,
        ),
        # The function crashed or timed out, because of one image or the whole batch.
        "ImageByImage": {
            "Type": "Map",
            "ItemsPath": "$.Items",
            "ItemSelector": {"BatchInput.$": "$.BatchInput", "Items.$": "States.Array($$.Map.Item.Value)"},
            "MaxConcurrency": 1,
            "ItemProcessor": {
                "ProcessorConfig": {"Mode": "INLINE"},
                "StartAt": "PredictOne",
                "States": {
                    "PredictOne": _invoke(
                        "$",
                        settings,
                        retry=[_RETRY_BUSY, _RETRY_INCOMPLETE, _RETRY_ONCE],
                        catch={"GiveUpOne": hopeless, "Crashed": ["States.ALL"]},
                        End=True,
                    ),
                    "Crashed": {
                        "Type": "Pass",
                        "Parameters": {"crashed": {"item.$": "$.Items[0]", "error.$": "$.error.Error"}},
                        "End": True,
                    },
                    "GiveUpOne": _give_up(),
                },
            },
            "ResultPath": "$.outcomes",
            "Next": "Conclude",
        },
        "Conclude": _invoke(
            {"BatchInput.$": "$.BatchInput", "Outcomes.$": "$.outcomes"},
            settings,
            retry=[_RETRY_BUSY, _RETRY_INCOMPLETE],
            catch={},
            End=True,
        ),
        "GiveUp": _give_up(),
    }


def _sum_up(settings: StackSettings) -> State:
    run = {"execution.$": "$$.Execution.Name", "started.$": "$$.Execution.StartTime", "given.$": "$"}
    payload = {"Run": run, "ToleratedPercent": settings.backfill_tolerated_failure_percent}
    return _invoke(payload, settings, retry=[_RETRY_BUSY, _RETRY_ONCE], catch={}, Next="Acceptable")


def _invoke(
    payload: str | State, settings: StackSettings, *, retry: list[State], catch: dict[str, list[str]], **after: Any
) -> State:
    given: State = {"Payload.$": payload} if isinstance(payload, str) else {"Payload": payload}
    state: State = {
        "Type": "Task",
        "Resource": "arn:${Partition}:states:::lambda:invoke",
        "Parameters": {"FunctionName": "${FunctionArn}", **given},
        "OutputPath": "$.Payload",
        "TimeoutSeconds": settings.worker_timeout_seconds + _START_SECONDS,
        "Retry": retry,
    }
    if catch:
        state["Catch"] = [
            {"ErrorEquals": errors, "ResultPath": "$.error", "Next": target} for target, errors in catch.items()
        ]
    return state | after


def _give_up() -> State:
    """Return the state that ends a child with its error."""
    return {"Type": "Fail", "ErrorPath": "$.error.Error", "CausePath": "$.error.Cause"}
