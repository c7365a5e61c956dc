"""Send one image to the Function URL over HTTP, and compare the answer with the result that came by the queue."""

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
"""Roughly the largest image whose base64 fits into the 6 MB of a Lambda event."""

_TIMEOUT_SECONDS = 60
_COMPARED = {True: "the same as through the queue", False: "DIFFERENT from the result through the queue"}


@dataclass(frozen=True)
class HttpCheck:
    """`passed` is True if the answer equals the result that came by the queue. `summary` is one line."""

    passed: bool
    summary: str


def check(url: str, outcomes: Sequence[Outcome]) -> HttpCheck | None:
    """POST one image to /predict and compare the answer. Returns None if there is no result to compare with.

    Takes the smallest predicted image. If none was predicted, takes the smallest rejected image and expects the same
    error code.
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
        said = f"{answer.get('code')}, {_COMPARED[passed]}"
    elif response.status == http.client.OK:
        passed = math.isclose(answer["pneumonia"], result["pneumonia"], abs_tol=0.001)
        said = f"pneumonia {percent(answer['pneumonia'])}, {_COMPARED[passed]}"
    else:
        passed, said = False, f"{answer.get('title')}: {answer.get('detail')}"
    return HttpCheck(passed, f"{head}, {said}")
