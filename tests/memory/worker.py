"""`python -m tests.memory.worker MODEL_DIR`: the worker function, given the paths of files that hold events of SQS.

Where its buckets are is in the environment. One line of JSON for each event: "done" or "again", and the seconds taken.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main(model_dir: Path) -> None:
    os.environ["MODEL_DIR"] = str(model_dir)
    answers, sys.stdout = sys.stdout, sys.stderr  # its logs and metrics go to the standard output
    from pneumonia.decode import isolated
    from pneumonia.handlers import worker  # it reads its settings at the start
    from pneumonia_cli.local.lambda_context import LocalContext

    # It is measured from outside, by a process that may not be root's (`decode.own_memory`).
    setattr(isolated, "close_to_other_processes", lambda: None)  # noqa: B010 - not exported from there
    handler: Callable[..., Any] = worker.handler
    context = LocalContext("pneumonia-worker", 120, 1769)
    for line in sys.stdin:
        event, start = json.loads(Path(line.strip()).read_bytes()), time.perf_counter()
        failed = handler(event, context)["batchItemFailures"]
        print(json.dumps(["again" if failed else "done", time.perf_counter() - start]), file=answers, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
