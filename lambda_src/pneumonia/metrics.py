"""Write the metrics of the functions in CloudWatch's embedded metric format: log lines that become metrics.

The namespace is `PneumoniaTriage`. Every record describes one event. It has the dimension sets [Stack, Function] and
[Stack, Function, ModelVersion]; a rejection also has [Stack, Function, Code]. A request with a token has
[Stack, Function] and [Stack, Function, Caller]. Counts are 1 or 0, so a sum is a number of images or requests, and
an average is a share. A record identifies neither a patient nor an image.

Without the setting `stack_name` (STACK_NAME) no metrics are written. It is not set on a user's machine, where nobody
reads metrics.
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

    `body`: the body of a `predictor.Prediction`. `OutsidePopulation` is omitted if the model does not check the
    population.
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
    """Count an image that was refused, in total and by error code."""
    _write(function, {"Rejections": (COUNT, 1)}, loaded_version(), {"Code": code})


def request(function: str, caller: str) -> None:
    """Count an accepted request by the name of its token."""
    _write(function, {"Requests": (COUNT, 1)}, None, {"Caller": caller})


@contextlib.contextmanager
def rejections(function: str) -> Iterator[None]:
    """Count an image that is refused inside the `with` block. The error is raised again."""
    try:
        yield
    except PneumoniaError as error:
        if rejects(error):
            rejection(function, error.code)
        raise


def cold_start(function: str) -> None:
    """Count the first call of this process. Later calls, and instances with provisioned concurrency, do not count."""
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
    # Each record has its own provider, so that records of different threads do not mix. The service is empty, because
    # Powertools would otherwise add a dimension from POWERTOOLS_SERVICE_NAME, which is meant for the log.
    record = AmazonCloudWatchEMFProvider(namespace=NAMESPACE, service="", dimension_set=dict(dimensions))
    if model_version is not None:
        record.add_dimensions(**dimensions, ModelVersion=model_version)
    if more is not None:
        record.add_dimensions(**dimensions, **more)
    # Calling `add_metric` for each value would take as long as the rest of this function. The tests check
    # units and names instead.
    metrics = {name: {"Unit": unit, "Value": [float(value)]} for name, (unit, value) in values.items()}
    document = record.serialize_metric_set(metrics)
    # This is a single write. print() makes two, and another thread could write in between.
    sys.stdout.write(json.dumps(document, separators=(",", ":")) + "\n")


def _stack() -> str | None:
    try:
        return process_settings().stack_name
    except SettingsError:  # every response reports it already
        return None
