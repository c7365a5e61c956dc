"""Measurements that need a new process: peak memory, import times, and the rate of GEMM (matrix multiplication)."""

import base64
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from bench import payloads
from bench.quiet import serve_first

ROOT = Path(__file__).resolve().parent.parent

_REQUESTS = """
import base64, json, sys
from bench.payloads import Payload
from bench.served import handler_call
requests = json.load(open(sys.argv[1]))
calls = {
    name: handler_call(Payload(name, base64.b64decode(data), content_type))
    for name, data, content_type in requests['images']
}
for name in requests['order']:
    calls[name]()
status = open('/proc/self/status').read()  # getrusage would report the parent's peak if that is larger
print(status.partition('VmHWM:')[2].split()[0])
"""
_COLD = """
import json, time
laps, last = {}, time.perf_counter()
def lap(name):
    global last
    now = time.perf_counter()
    laps[name], last = (now - last) * 1000, now
import numpy
lap('numpy')
import PIL.Image
lap('Pillow')
import onnxruntime
lap('onnxruntime')
import aws_lambda_powertools
lap('Powertools')
import pneumonia.handlers.api
lap('our own code')
from pneumonia.predictor import process_predictor
process_predictor()
lap('session')
from bench import payloads, served  # imported outside the measurement
event, context = served.event(payloads.payloads()['jpeg_224']), served.Context()
last = time.perf_counter()
answer = pneumonia.handlers.api.handler(event, context)
lap('first answer')
assert answer['statusCode'] == 200, answer
print(json.dumps(laps))
"""
_IMPORT_LINE = re.compile(r"import time:\s+(\d+) \|\s+(\d+) \|( +)(\S+)")


def gemm_rates(threads: int, packages: Path | None = None) -> dict[str, float]:
    """Return `floor.gemm_rates`, measured with the onnxruntime in the folder `packages` if it is given."""
    program = f"import json; from bench import floor; print(json.dumps(floor.gemm_rates({threads})))"
    return dict(json.loads(_python("-c", program, packages=packages).stdout.splitlines()[-1]))


def saturates(packages: Path | None = None) -> bool:
    """Return `floor.saturates`, measured with the onnxruntime in the folder `packages` if it is given."""
    program = "import json; from bench import floor; print(json.dumps(floor.saturates()))"
    return bool(json.loads(_python("-c", program, packages=packages).stdout.splitlines()[-1]))


def profile(what: str) -> dict[str, Any]:
    """Run the function `what` of `bench.profile` (`request_parts` or `model_parts`), and return its result."""
    program = f"import json; from bench import profile; print(json.dumps(profile.{what}()))"
    return dict(json.loads(_python("-c", program).stdout.splitlines()[-1]))


def peak_megabytes(requests: int, model_dir: Path) -> float:
    """Return the peak resident memory (MB of 10^6 bytes) of a process that handles `requests` mixed requests.

    The graphs of `model_dir` are optimised as in the container image. Another process makes the requests' images.
    """
    with tempfile.TemporaryDirectory() as scratch:
        sent = payloads.mixed(requests)
        images = {image.name: (image.name, base64.b64encode(image.data).decode(), image.content_type) for image in sent}
        file = Path(scratch) / "requests.json"
        file.write_text(json.dumps({"images": list(images.values()), "order": [image.name for image in sent]}))
        prepared = _prepared(model_dir, Path(scratch))
        done = _python("-c", _REQUESTS, str(file), MODEL_DIR=str(prepared))
    return round(int(done.stdout.split()[-1]) * 1024 / 1e6, 1)


def import_profile(module: str = "pneumonia.handlers.api") -> dict[str, float]:
    """Return the ms that `import module` spends in each package itself, without its imports, slowest first."""
    taken: dict[str, float] = defaultdict(float)
    for line in _python("-X", "importtime", "-c", f"import {module}").stderr.splitlines():
        if match := _IMPORT_LINE.match(line):
            taken[match.group(4).partition(".")[0]] += int(match.group(1)) / 1000
    return {name: round(ms, 1) for name, ms in sorted(taken.items(), key=lambda item: -item[1])[:12]}


def cold_parts(rounds: int, model_dir: Path) -> dict[str, float]:
    """Return the median ms of each step of a cold start, from the start of Python to the first response, in order.

    The page cache is warm, and the graphs of `model_dir` are prepared as in the container image. The work of AWS before
    Python starts and Lambda's runtime client are not included.
    """
    parts: dict[str, list[float]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as scratch:
        prepared = _prepared(model_dir, Path(scratch))
        for _ in range(rounds):
            start = time.perf_counter()
            _python("-c", "pass")
            parts["Python itself"].append((time.perf_counter() - start) * 1000)
            started = _python("-c", _COLD, MODEL_DIR=str(prepared))
            for name, ms in json.loads(started.stdout.splitlines()[-1]).items():
                parts[name].append(ms)
    return {name: round(statistics.median(values), 1) for name, values in parts.items()}


def _prepared(model_dir: Path, folder: Path) -> Path:
    """Copy the model into `folder`, optimise its graphs as in the container image, and return the copy."""
    prepared = folder / "model"
    shutil.copytree(model_dir, prepared)
    _python("-m", "pneumonia.model.optimise", str(prepared))
    return prepared


def _python(*arguments: str, packages: Path | None = None, **variables: str) -> "subprocess.CompletedProcess[str]":
    first = [str(packages)] if packages else []
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([*first, str(ROOT / "lambda_src"), str(ROOT)]),
        "AUTH_MODE": "none",
        "AWS_DEFAULT_REGION": "us-east-1",
        **variables,
    }
    command = [sys.executable, *arguments]
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        serve_first(process.pid)
        output, errors = process.communicate()
    if process.returncode:
        raise RuntimeError(f"{arguments[:2]} ended with {process.returncode}: {errors[-2000:]}")
    return subprocess.CompletedProcess(command, 0, output, errors)
