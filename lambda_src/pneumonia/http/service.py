"""What the service tells of itself: its health, its model, and what a client has to know before it asks."""

from pathlib import Path

from aws_lambda_powertools import Logger

from pneumonia import prevalence
from pneumonia.errors import Unhealthy, log_fields
from pneumonia.http.requests import Request
from pneumonia.http.responses import PRIVATE, Response, json_response
from pneumonia.predictor import process_predictor
from pneumonia.settings import process_settings
from pneumonia.uploads.feedback import REASONS, VERDICTS

MAX_DIRECT_BYTES = 4_500_000
"""The largest image that goes through the function itself: base64 makes 6 MB of it, which is what Lambda
takes in one event (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""

OPENAPI_JSON = Path(__file__).with_name("openapi.json")
"""The description of this API, written by `make openapi`."""

logger = Logger()


def health(_request: Request) -> Response:
    """200 if the model is loaded and gives the golden answer now, else the problem `unhealthy` (503)."""
    try:
        predictor = process_predictor()
        predictor.self_test()
    except Exception as error:
        logger.error("health check failed", **log_fields(error))
        raise Unhealthy("see the log entry above") from error
    return json_response({"status": "ok", "self_test": "passed", "model": predictor.card.identity()})


def model(_request: Request) -> Response:
    """The whole model card."""
    return json_response(process_predictor().card.document)


def config(_request: Request) -> Response:
    """What a client needs to draw itself and to choose its way in. Open to all: it holds nothing secret."""
    settings = process_settings()
    card = process_predictor().card
    points = card.operating_points
    return json_response(
        {
            "auth": settings.auth,
            "max_direct_bytes": min(MAX_DIRECT_BYTES, settings.max_image_bytes),
            "max_image_bytes": settings.max_image_bytes,
            "uploads": settings.takes_uploads,
            "model": {"name": card.name, "version": card.version},
            "operating_points": {
                "rule_out": points.rule_out,
                "balanced": points.balanced,
                "rule_in": points.rule_in,
            },
            "prevalence": {
                "calibrated": card.calibration.prevalence,
                "lowest": prevalence.LOWEST,
                "highest": prevalence.HIGHEST,
            },
            "feedback": {"verdicts": list(VERDICTS), "reasons": REASONS} if settings.feedback else None,
            "notice": card.notice,
            "limits": card.document.get("limits", []),
        }
    )


def openapi(_request: Request) -> Response:
    """The description of this API."""
    return Response(200, "application/json", OPENAPI_JSON.read_text(encoding="utf-8"), PRIVATE)
