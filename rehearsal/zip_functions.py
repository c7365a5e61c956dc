"""Functions that are source files, such as the CDK's handlers. Each event runs in a separate process."""

import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

# The process does what Lambda does: import the module, call the handler, return its result or error.
_BOOTSTRAP: Final = """
import importlib, json, sys, types
module, _, name = sys.argv[1].rpartition(".")
sys.path.insert(0, ".")
context = types.SimpleNamespace(function_name=sys.argv[2], log_stream_name="rehearsal", aws_request_id="rehearsal",
    invoked_function_arn=sys.argv[3], get_remaining_time_in_millis=lambda: 60_000)
handler = getattr(importlib.import_module(module), name)
answer = handler(json.load(sys.stdin), context)
with open("answer.json", "w") as file:
    json.dump(answer, file)
"""


class ZipFunctionFailed(Exception):
    """The handler raised, ran too long, or needs a missing runtime. The message contains its output."""


def run(
    code: bytes, *, handler: str, name: str, arn: str, runtime: str, timeout_seconds: int,
    environment: Mapping[str, str], event: Any,
) -> tuple[Any, str]:  # fmt: skip
    """Run a zip archive's handler ("index.handler") with one event. Return its return value and its output.

    The function gets the environment variables of this process, which point to the rehearsal's services, and its own
    variables. Raises ZipFunctionFailed.
    """
    if not runtime.startswith("python"):
        raise ZipFunctionFailed(f"{name} needs {runtime}: a rehearsal runs only functions in Python and in images.")
    with tempfile.TemporaryDirectory(prefix="rehearsal-function-") as folder:
        with zipfile.ZipFile(io.BytesIO(code)) as archive:
            archive.extractall(folder)
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-c", _BOOTSTRAP, handler, name, arn],
                input=json.dumps(event), cwd=folder, env={**os.environ, **environment}, timeout=timeout_seconds,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise ZipFunctionFailed(f"{name} ran for more than {timeout_seconds} s.") from error
        if done.returncode:
            raise ZipFunctionFailed(f"{name} exited with {done.returncode}: {done.stdout}")
        return json.loads(Path(folder, "answer.json").read_text(encoding="utf-8")), done.stdout
