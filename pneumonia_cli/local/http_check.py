"""One image through the Function URL as well: over real HTTP, with the same answer as through the queue."""

import contextlib
import http.client
import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from pneumonia_cli.reporting.outcome import Outcome, by_status
from pneumonia_cli.reporting.verdict import percent

MAX_IMAGE_BYTES = 4_500_000
"""About what fits into the 6 MB of a Lambda event after base64."""

_TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class HttpCheck:
    """`passed` if the answer was that of the queue's result; `summary` in one line."""

    passed: bool
    summary: str


def check(url: str, outcomes: Sequence[Outcome]) -> HttpCheck | None:
    """POST one image to /predict and compare. None if there is no result to compare with.

    The smallest predicted image is taken; if none was predicted, the smallest rejected one, for which the
    same error code is expected.
    """
    candidates = by_status(outcomes, "predicted") or by_status(outcomes, "rejected")
    sized = [(outcome.image.path.stat().st_size, index) for index, outcome in enumerate(candidates)]
    fitting = [pair for pair in sized if 0 < pair[0] <= MAX_IMAGE_BYTES]
    if not fitting:
        return None
    chosen = candidates[min(fitting)[1]]
    return _check_one(url, chosen)


def _check_one(url: str, outcome: Outcome) -> HttpCheck:
    result = outcome.result or {}
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=_TIMEOUT_SECONDS)
    started = time.perf_counter()
    with contextlib.closing(connection):
        connection.request(
            "POST",
            "/predict",
            body=outcome.image.path.read_bytes(),
            headers={"Content-Type": "application/octet-stream"},
        )
        response = connection.getresponse()
        answer = json.loads(response.read())
    milliseconds = (time.perf_counter() - started) * 1000
    head = f"POST {url}/predict with {outcome.image.name} → {response.status} in {milliseconds:.0f} ms"
    if outcome.status == "rejected":
        passed = answer.get("code") == result["code"]
        said = f"{answer.get('code')}, {'as' if passed else 'UNLIKE'} through the queue"
    elif response.status == http.client.OK:
        passed = math.isclose(answer["pneumonia"], result["pneumonia"], abs_tol=0.001)
        said = f"pneumonia {percent(answer['pneumonia'])}, {'as' if passed else 'UNLIKE'} through the queue"
    else:
        passed, said = False, f"{answer.get('title')}: {answer.get('detail')}"
    return HttpCheck(passed, f"{head}, {said}")
