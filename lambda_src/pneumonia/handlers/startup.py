"""Load the model in the init phase of a Lambda function, before the first event."""

import os

from aws_lambda_powertools import Logger

from pneumonia.errors import log_fields
from pneumonia.predictor import process_predictor


def load_in_init_phase(logger: Logger) -> None:
    """Load the model if this process runs in Lambda. Do nothing elsewhere (tests, commands).

    A failure is logged, not raised, because an exception at import would give a response without a reason. The next
    call of `process_predictor` tries again and raises an error with the reason.
    """
    if "AWS_LAMBDA_RUNTIME_API" not in os.environ:
        return
    try:
        process_predictor()
    except Exception as error:
        logger.error("the model could not be loaded at start, each call will try again", **log_fields(error))
