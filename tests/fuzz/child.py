"""`python -m tests.fuzz.child FIRST STOP MODEL_DIR`: send the inputs with these numbers to the handlers.

The program writes a line of JSON before and after each input. From these, the parent process knows which input
caused a crash.
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
"""Every input whose number is a multiple of this also goes through the upload path."""


def main(first: int, stop: int, model_dir: str) -> None:
    os.environ |= ENVIRONMENT | {"MODEL_DIR": model_dir, "POWERTOOLS_LOG_LEVEL": "CRITICAL"}
    logging.disable(logging.CRITICAL)
    # Decode all formats in this process, where memory and time are measured, not in the separate decoder process.
    setattr(predictor, "decode_in_time", _here)  # noqa: B010 - not exported from there
    with mock_aws():
        make_buckets()
        # Warm up, so that the measurements exclude imports, the model and the tables of decoders.
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
            uploaded = through_worker(data, f"image-{number}")
            if data and uploaded != outcome:
                return outcome, f"the HTTP request gave {outcome}, but the upload gave {uploaded}"
    except Exception as error:
        return "broken", f"{type(error).__name__}: {error}"
    return outcome, None


def _megabytes(kind: str) -> float:
    """Return the memory of this process: VmRSS (current) or VmHWM (peak).

    ru_maxrss is not used, because a new program inherits it from the process that started it.
    """
    found = re.search(rf"{kind}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    return int(found.group(1)) / 1024 if found else 0.0


def _forget_peak() -> None:
    """Reset the peak to the current memory (proc(5), clear_refs)."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
