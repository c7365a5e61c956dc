"""Test that the API conforms to its description, with hundreds of requests generated from the shipped openapi.json.

The requests run against the local cloud with auth `token`, so guarded routes are also tried without a token.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings, strategies
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import positive_data_acceptance

from pneumonia.http.service import OPENAPI_JSON
from tests.serving import Service, serving

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EXAMPLES = 25
OF_BYTES = ("POST /predict", "POST /", "POST /image", "POST /studies", "POST /studies/{study}")


@pytest.fixture(scope="module")
def service(artifacts: Path) -> Iterator[Service]:
    """The local cloud with the tiny model and auth `token`."""
    with serving("--auth", "token", MODEL_DIR=str(artifacts)) as running:
        yield running


# For all other types, Schemathesis already has a generator of bodies.
for media_type in ("application/dicom", "image/bmp", "image/tiff", "multipart/related"):
    schemathesis.openapi.media_type(media_type, strategies.binary())

schema = schemathesis.openapi.from_path(OPENAPI_JSON)


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_requests_made_from_the_description(case: schemathesis.Case[Any], service: Service) -> None:
    # A schema cannot say which bytes are an image, or which hosts are allowed.
    unsaid: list[CheckFunction] = [positive_data_acceptance]
    excluded = unsaid if case.operation.label in OF_BYTES else []
    headers = {"Authorization": f"Bearer {service.token}"}
    case.call_and_validate(base_url=service.url, headers=headers, excluded_checks=excluded)
