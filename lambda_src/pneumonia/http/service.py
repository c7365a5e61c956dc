"""Routes about the service: its health, its model, the settings that a client needs, and the API's description."""

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
"""The largest image in a request to the function. In base64 it is 6 MB, the limit of a Lambda event
(https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html)."""

OPENAPI_JSON = Path(__file__).with_name("openapi.json")
"""The description of this API, written by `make openapi`."""

logger = Logger()


def health(_request: Request) -> Response:
    """Return 200 if the model is loaded and passes its self-test. Raises Unhealthy (503) otherwise."""
    try:
        predictor = process_predictor()
        predictor.self_test()
    except Exception as error:
        logger.error("health check failed", **log_fields(error))
        raise Unhealthy("see the log entry above") from error
    return json_response({"status": "ok", "self_test": "passed", "model": predictor.card.identity()})


def model(_request: Request) -> Response:
    """Return the whole model card."""
    return json_response(process_predictor().card.document)


def config(_request: Request) -> Response:
    """Return the settings that a client needs. The route is public, because none of these settings is secret."""
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
    """Return the OpenAPI description of this API."""
    return Response(200, "application/json", OPENAPI_JSON.read_text(encoding="utf-8"), PRIVATE)
