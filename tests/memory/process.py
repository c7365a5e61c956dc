"""`python -m tests.memory.process MODEL_DIR`: predicts the files whose paths come in, line by line, as a function does.

One line of JSON for each: what became of it, and the seconds that it took.
"""

import json
import sys
import time
from pathlib import Path

from pneumonia.decode import isolated
from pneumonia.errors import PneumoniaError
from pneumonia.predictor import Predictor
from pneumonia.settings import Settings


def main(model_dir: Path) -> None:
    # It is measured from outside, by a process that may not be root's (`decode.own_memory`).
    setattr(isolated, "close_to_other_processes", lambda: None)  # noqa: B010 - not exported from there
    predictor = Predictor.load(Settings(model_dir=model_dir))
    for line in sys.stdin:
        print(json.dumps(answer(predictor, Path(line.strip()))), flush=True)


def answer(predictor: Predictor, path: Path) -> tuple[str, float]:
    data, start = path.read_bytes(), time.perf_counter()
    try:
        predictor.predict(data, request_id="", heatmap=True)
        outcome = "predicted"
    except PneumoniaError as error:
        outcome = error.code
    return outcome, time.perf_counter() - start


if __name__ == "__main__":
    main(Path(sys.argv[1]))
