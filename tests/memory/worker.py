"""`python -m tests.memory.worker MODEL_DIR`: run the worker function on SQS events. Read one path per line.

The environment names the buckets. The program writes one line of JSON for each event: "done" or "again", and the
resources used (`watched.Used`).
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any


def main(model_dir: Path) -> None:
    os.environ["MODEL_DIR"] = str(model_dir)
    answers, sys.stdout = sys.stdout, sys.stderr  # logs and metrics of the worker must not be among the replies
    from pneumonia.handlers import worker  # imported here, because it reads its settings at import
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
