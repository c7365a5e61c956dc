"""What a Lambda function does while AWS starts it, before the first event."""

import os

from aws_lambda_powertools import Logger

from pneumonia.errors import log_fields
from pneumonia.predictor import process_predictor


def load_in_init_phase(logger: Logger) -> None:
    """Load the model now if this is a Lambda runtime; do nothing elsewhere (tests, commands).

    A failure is logged and swallowed: raised at import it would become an answer that says nothing, while
    the next call of `process_predictor` tries again and turns it into a proper one.
    """
    if "AWS_LAMBDA_RUNTIME_API" not in os.environ:
        return
    try:
        process_predictor()
    except Exception as error:
        logger.error("the model could not be loaded at start, each call will try again", **log_fields(error))
