"""Run `pneumonia serve` in a separate process, as a user starts it."""

import contextlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Service:
    """A running local cloud: its addresses without a trailing slash, and its token if it requires one."""

    url: str
    s3_url: str
    token: str


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(ROOT / "lambda_src"), str(ROOT)])
    return subprocess.Popen(
        [sys.executable, "-m", "pneumonia_cli", "serve", *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )


def introduction(process: subprocess.Popen[str]) -> dict[str, str]:
    """Read the output before the log of requests. Return its values by name, also from `export` lines."""
    facts: dict[str, str] = {}
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("Requests and the logs"):
            return facts
        name, _, value = line.strip().removeprefix("export ").replace("=", "  ").partition("  ")
        facts[name] = value.strip()
    raise AssertionError("the local cloud ended during its start")


@contextlib.contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[Service]:
    """Run a local cloud on free ports during a `with` block."""
    process = start("--port", "0", "--s3-port", "0", *arguments, **environment)
    assert process.stdout is not None
    try:
        facts = introduction(process)
        # Read the log in the background, because a full pipe would block the process.
        threading.Thread(target=process.stdout.read, daemon=True).start()
        yield Service(facts["Function URL"], facts["S3 and SQS"], facts["Token"])
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=120)
        process.kill()
        process.wait()
        process.stdout.close()
