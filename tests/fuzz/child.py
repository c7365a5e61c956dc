"""`python -m tests.fuzz.child FIRST STOP MODEL_DIR`: one process that answers inputs of these numbers.

One line of JSON an input, written before and after it, so that whoever started this knows which input was the
last one when a decoder in C takes the process with it.
"""

import contextlib
import json
import logging
import os
import re
import sys
import time
from pathlib import Path

from moto import mock_aws

from pneumonia import predictor
from pneumonia.decode.dispatch import decode
from pneumonia.decode.image import DecodedImage
from pneumonia.decode.limits import Limits
from tests.fuzz.mutate import mutated
from tests.fuzz.seeds import seeds
from tests.fuzz.service import ENVIRONMENT, http_event, make_buckets, through_api, through_worker

EVERY_UPLOAD = 20
"""One input of so many goes through the upload path as well."""


def main(first: int, stop: int, model_dir: str) -> None:
    os.environ |= ENVIRONMENT | {"MODEL_DIR": model_dir, "POWERTOOLS_LOG_LEVEL": "CRITICAL"}
    logging.disable(logging.CRITICAL)
    # All formats in this process, where their memory and time are measured (`decode.in_time` has one of its own).
    setattr(predictor, "decode_in_time", _here)  # noqa: B010 - not exported from there
    with mock_aws():
        make_buckets()
        # Imports, the model and the decoders' own tables are no part of the measurement.
        for name, data in seeds().items():
            if not name.startswith("public-"):
                through_api(http_event(data, query="heatmap=true"))
        through_worker(seeds()["DICOM-RLELossless"], "first")
        idle = _megabytes("VmRSS")
        for number in range(first, stop):
            name, data = mutated(number)
            print(json.dumps({"started": number}), flush=True)
            _forget_peak()
            before = _megabytes("VmRSS")
            cpu = time.process_time()
            outcome, problem = _answer(http_event(data, query="heatmap=true"), data, number)
            line = {
                "number": number,
                "seed": name,
                "bytes": len(data),
                "outcome": outcome,
                "problem": problem,
                "cpu_seconds": round(time.process_time() - cpu, 3),
                "megabytes": round(_megabytes("VmHWM") - before, 1),
                "grown_megabytes": round(before - idle, 1),
            }
            print(json.dumps(line), flush=True)


def _here(data: bytes, limits: Limits, enough: int | None, *, apart: bool) -> DecodedImage:
    return decode(data, limits, enough)


def _answer(event: dict[str, object], data: bytes, number: int) -> tuple[str, str | None]:
    try:
        outcome = through_api(event)
        if number % EVERY_UPLOAD == 1:
            uploaded = through_worker(data, f"film-{number}")
            if data and uploaded != outcome:
                return outcome, f"HTTP says {outcome}, the upload {uploaded}"
    except Exception as error:
        return "broken", f"{type(error).__name__}: {error}"
    return outcome, None


def _megabytes(kind: str) -> float:
    """Memory of this process: VmRSS now, VmHWM at its peak.

    Not ru_maxrss: a new program inherits that of the process it was started from.
    """
    found = re.search(rf"{kind}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found.group(1)) / 1024 if found else 0.0


def _forget_peak() -> None:
    """Let the peak begin again at what is used now (proc(5), clear_refs)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
