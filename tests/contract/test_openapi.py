"""The API does what its description says: requests made from the file that ships, by the hundred.

Against the local cloud in the mode `token`, so that what the description calls guarded is tried without a
token as well.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, settings, strategies
from schemathesis.checks import CheckFunction
from schemathesis.specs.openapi.checks import positive_data_acceptance

from pneumonia.http.service import OPENAPI_JSON

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
EXAMPLES = 25
START_SECONDS = 120


@dataclass(frozen=True)
class Service:
    url: str
    token: str


@pytest.fixture(scope="module")
def service(artifacts: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """`make serve AUTH=token` with the tiny model."""
    output = tmp_path_factory.mktemp("serve") / "output.txt"
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "lambda_src"), str(ROOT)]),
        "MODEL_DIR": str(artifacts),
        "PYTHONUNBUFFERED": "1",
    }
    command = [sys.executable, "-m", "pneumonia_cli", "serve", "--port", "0", "--s3-port", "0", "--auth", "token"]
    with output.open("w") as stream:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=stream, stderr=subprocess.DEVNULL)
    try:
        facts = _introduction(process, output)
        yield Service(facts["Function URL"], facts["Token"])
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=30)
        process.kill()
        process.wait()


def _introduction(process: subprocess.Popen[bytes], output: Path) -> dict[str, str]:
    for _ in range(START_SECONDS * 10):
        text = output.read_text()
        if "Requests and the logs" in text:
            return dict(line.strip().split("  ", 1) for line in text.splitlines() if "  " in line.strip())
        assert process.poll() is None, text
        time.sleep(0.1)
    raise AssertionError("the local cloud did not come up")


# Schemathesis knows how to make bodies of the other types.
for media_type in ("application/dicom", "image/bmp", "image/tiff"):
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
    # No schema can say which bytes are an image, or which hosts may be asked for one.
    unsaid: list[CheckFunction] = [positive_data_acceptance]
    excluded = unsaid if case.operation.label in ("POST /predict", "POST /") else []
    headers = {"Authorization": f"Bearer {service.token}"}
    case.call_and_validate(base_url=service.url, headers=headers, excluded_checks=excluded)
