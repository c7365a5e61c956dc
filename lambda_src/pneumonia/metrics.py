"""What the functions count, in the embedded metric format of CloudWatch: lines of the log that become metrics.

Namespace `PneumoniaTriage`. Every record is of one event, and goes under [Stack, Function] and under [Stack, Function,
ModelVersion]; a rejection also under [Stack, Function, Code]. A request with a token goes under [Stack, Function] and
[Stack, Function, Caller]. Counts are 1 or 0, so that their sum is a number of films and their average a share. Nothing
in a record tells whose film it was, nor which.

Without the setting `stack_name` (STACK_NAME) nothing is written: on a user's machine there is nobody to read it.
"""

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any, Final

from aws_lambda_powertools.metrics.provider.cloudwatch_emf.cloudwatch import AmazonCloudWatchEMFProvider

from pneumonia.errors import PneumoniaError, rejects
from pneumonia.predictor import loaded_version
from pneumonia.settings import SettingsError, process_settings

NAMESPACE: Final = "PneumoniaTriage"

API: Final = "api"
WORKER: Final = "worker"
BACKFILL: Final = "backfill"
"""Values of the dimension Function."""

COUNT: Final = "Count"
MILLISECONDS: Final = "Milliseconds"
NO_UNIT: Final = "None"

LABELS: Final = {"normal": "LabelNormal", "pneumonia": "LabelPneumonia"}
TRIAGES: Final = {
    "likely_normal": "TriageLikelyNormal",
    "indeterminate": "TriageIndeterminate",
    "likely_pneumonia": "TriageLikelyPneumonia",
}

_cold = True


def prediction(function: str, body: Mapping[str, Any]) -> None:
    """Count a prediction with its label, triage, score (calibrated probability) and times.

    `body`: that of `predictor.Prediction`. `OutsidePopulation` is left out where the model cannot tell.
    """
    values: dict[str, tuple[str, float]] = {"Predictions": (COUNT, 1)}
    values |= {name: (COUNT, body["label"] == label) for label, name in LABELS.items()}
    values |= {name: (COUNT, body["triage"] == triage) for triage, name in TRIAGES.items()}
    values["Score"] = (NO_UNIT, body["pneumonia"])
    if body["in_training_population"] is not None:
        values["OutsidePopulation"] = (COUNT, not body["in_training_population"])
    values["DecodeTime"] = (MILLISECONDS, body["timing_ms"]["decode"])
    values["ModelTime"] = (MILLISECONDS, body["timing_ms"]["model"])
    _write(function, values, body["model"]["version"])


def rejection(function: str, code: str) -> None:
    """Count an image that was refused, in all and by the code of the error."""
    _write(function, {"Rejections": (COUNT, 1)}, loaded_version(), {"Code": code})


def request(function: str, caller: str) -> None:
    """Count a request that was let in, by the name of its token."""
    _write(function, {"Requests": (COUNT, 1)}, None, {"Caller": caller})


@contextlib.contextmanager
def rejections(function: str) -> Iterator[None]:
    """Count what is refused within a `with` block; the error goes on."""
    try:
        yield
    except PneumoniaError as error:
        if rejects(error):
            rejection(function, error.code)
        raise


def cold_start(function: str) -> None:
    """Count the first call of this process; later calls, and instances that AWS started beforehand, count nothing."""
    global _cold
    if _cold:
        _cold = False
        if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "provisioned-concurrency":
            _write(function, {"ColdStarts": (COUNT, 1)}, loaded_version())


def _write(
    function: str,
    values: Mapping[str, tuple[str, float]],
    model_version: str | None,
    more: Mapping[str, str] | None = None,
) -> None:
    stack = _stack()
    if stack is None:
        return
    dimensions = {"Stack": stack, "Function": function}
    # One provider a record, so that records of threads never mix. An empty service: Powertools would make a further
    # dimension of POWERTOOLS_SERVICE_NAME, which is for the log.
    record = AmazonCloudWatchEMFProvider(namespace=NAMESPACE, service="", dimension_set=dict(dimensions))
    if model_version is not None:
        record.add_dimensions(**dimensions, ModelVersion=model_version)
    if more is not None:
        record.add_dimensions(**dimensions, **more)
    for name, (unit, value) in values.items():
        record.add_metric(name, unit, float(value))
    # In one call: print() makes two of it, between which another thread may write.
    sys.stdout.write(json.dumps(record.serialize_metric_set(), separators=(",", ":")) + "\n")


def _stack() -> str | None:
    try:
        return process_settings().stack_name
    except SettingsError:  # every answer says so already
        return None
