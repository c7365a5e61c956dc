"""Check a new version against its model card. CodeDeploy calls this Lambda handler before the version gets traffic.

The handler sends the golden input to the version, as a caller would send an image. It compares model, probability,
label and triage of the response with the card in this container image. The handler runs in a separate function, which
loads only the card and no ONNX graph.
"""

import base64
import json
import os
import time
from typing import TYPE_CHECKING, Any, TypedDict

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError

from pneumonia import aws
from pneumonia.errors import ModelError, PneumoniaError, log_fields
from pneumonia.model.card import Card
from pneumonia.model.triage import assess
from pneumonia.settings import SettingsError, process_settings

if TYPE_CHECKING:
    from mypy_boto3_codedeploy.literals import LifecycleEventStatusType

# Time reserved for the report to CodeDeploy: the check ends this long before the function times out.
_TO_REPORT_SECONDS = 15
_LOOK_SECONDS = 5
# Error code of a version that is inactive after weeks without a call: Lambda must load its container image again.
_INACTIVE = "CodeArtifactUserPendingException"
# Probabilities in responses are rounded to six decimals.
_ROUNDING = 1e-6

logger = Logger()


class ReleaseRefusedError(PneumoniaError):
    """The new version failed on the golden input, or its prediction differs from the card."""

    code = "release_refused"
    title = "The predictions of the new version differ from its model card"


class Hook(TypedDict):
    """The event that CodeDeploy sends to a lifecycle hook."""

    DeploymentId: str
    LifecycleEventHookExecutionId: str


@logger.inject_lambda_context(log_event=False, clear_state=True)
def handler(event: Hook, context: LambdaContext) -> dict[str, str]:
    """Check the version named in CHECKED_VERSION, and report `Succeeded` or `Failed` to CodeDeploy.

    Every error is reported as `Failed`: a version that could not be checked gets no traffic.
    """
    status: LifecycleEventStatusType = "Failed"
    try:
        check(_version(), context.get_remaining_time_in_millis() / 1000 - _TO_REPORT_SECONDS)
        status = "Succeeded"
        logger.info("the new version answers as the card says")
    except Exception as error:
        logger.error("the new version gets no traffic", **log_fields(error))
    aws.codedeploy().put_lifecycle_event_hook_execution_status(
        deploymentId=event["DeploymentId"],
        lifecycleEventHookExecutionId=event["LifecycleEventHookExecutionId"],
        status=status,
    )
    return {"status": status}


def check(version: str, patience_seconds: float) -> None:
    """Send the golden input to a version of a function, and compare the prediction with the card.

    `version`: its ARN. The check takes at most `patience_seconds`, plus a few seconds. Raises ReleaseRefusedError,
    ModelError if the card or the golden input cannot be read, and the errors of boto3.
    """
    ends = time.monotonic() + patience_seconds
    directory = process_settings().model_dir
    card = Card.load(directory)
    try:
        image = (directory / card.golden.file).read_bytes()
    except OSError as error:
        raise ModelError(f"Cannot read the golden input {card.golden.file} ({error.strerror}). Restore it.") from error
    _wait_while_pending(version, ends)
    compare(_ask(version, {"image": base64.b64encode(image).decode("ascii")}, ends), card)


def _wait_while_pending(version: str, ends: float) -> None:
    """Wait until Lambda has loaded the container image of the version. Raises ReleaseRefusedError if time runs out."""
    client = aws.lambda_for_one_call(_LOOK_SECONDS)
    while client.get_function_configuration(FunctionName=version)["State"] == "Pending":
        _pause(ends, "The version was still pending when time ran out.")


def _ask(version: str, event: dict[str, str], ends: float) -> Any:
    """Invoke the version and return its response. Raises ReleaseRefusedError, and the errors of boto3."""
    while True:
        try:
            client = aws.lambda_for_one_call(max(1, ends - time.monotonic()))
            found = client.invoke(FunctionName=version, Payload=json.dumps(event).encode())
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") != _INACTIVE:
                raise
            _pause(ends, "The version was still inactive when time ran out.")
            continue
        with found["Payload"] as payload:
            body = json.load(payload)
        if failure := found.get("FunctionError"):
            raise ReleaseRefusedError(f"The version failed ({failure}). See its log for the reason.")
        return body


def _pause(ends: float, too_late: str) -> None:
    """Wait before the next attempt. Raises ReleaseRefusedError if no time is left for another attempt."""
    if time.monotonic() + _LOOK_SECONDS >= ends:
        raise ReleaseRefusedError(too_late)
    time.sleep(_LOOK_SECONDS)


def compare(body: Any, card: Card) -> None:
    """Compare a prediction of the golden input with the card. Raises ReleaseRefusedError, which names a difference."""
    if not isinstance(body, dict) or not isinstance(body.get("pneumonia"), int | float):
        # Only the code of a problem document is quoted from the response.
        code = body.get("code") if isinstance(body, dict) else None
        raise ReleaseRefusedError(f"The version returned no prediction (code {code}).")
    if body.get("model") != card.identity():
        raise ReleaseRefusedError(f"The version serves the model {body.get('model')}, not {card.identity()}.")
    golden = card.golden
    low, high = (assess(golden.logit + side * golden.tolerance, card) for side in (-1, 1))
    probability = body["pneumonia"]
    if not low.probability - _ROUNDING <= probability <= high.probability + _ROUNDING:
        raise ReleaseRefusedError(
            f"{golden.file} gave a probability of {probability}, but the card expects {low.probability} to "
            f"{high.probability} (logit {golden.logit:g} ± {golden.tolerance:g})."
        )
    for name in ("label", "triage"):
        if body.get(name) not in (getattr(low, name), getattr(high, name)):
            raise ReleaseRefusedError(f"{golden.file} gave the {name} {body.get(name)}, not {getattr(low, name)}.")


def _version() -> str:
    version = os.environ.get("CHECKED_VERSION")
    if not version:
        raise SettingsError("CHECKED_VERSION must be the ARN of the version to check.")
    return version
