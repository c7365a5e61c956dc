"""`python -m tests.memory.worker MODEL_DIR`: the worker function, given the paths of files that hold events of SQS.

Where its buckets are is in the environment. One line of JSON for each event: "done" or "again", and what it took
(`watched.Used`).
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main(model_dir: Path) -> None:
    os.environ["MODEL_DIR"] = str(model_dir)
    answers, sys.stdout = sys.stdout, sys.stderr  # its logs and metrics go to the standard output
    from pneumonia.handlers import worker  # it reads its settings at the start
    from pneumonia_cli.local.lambda_context import LocalContext
    from tests.memory.watched import Watch

    watch = Watch()
    handler: Callable[..., Any] = worker.handler
    context = LocalContext("pneumonia-worker", 120, 1769)
    for line in sys.stdin:
        event, failed = json.loads(Path(line.strip()).read_bytes()), []

        def take() -> None:
            failed.extend(handler(event, context)["batchItemFailures"])  # noqa: B023 - called before the next comes

        used = watch.used(take)
        print(json.dumps(["again" if failed else "done", used.to_json()]), file=answers, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
