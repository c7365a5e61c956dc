"""`python -m tests.memory.process MODEL_DIR`: predict files as a function does. Read one path per line.

The program writes one line of JSON for each file: the outcome, and the resources used (`watched.Used`).
"""

import json
import sys
from pathlib import Path

from pneumonia.errors import PneumoniaError
from pneumonia.predictor import Predictor
from pneumonia.settings import Settings
from tests.memory.watched import Watch


def main(model_dir: Path) -> None:
    watch = Watch()
    predictor = Predictor.load(Settings(model_dir=model_dir))
    for line in sys.stdin:
        data, outcome = Path(line.strip()).read_bytes(), ""

        def predict() -> None:
            nonlocal outcome
            outcome = _outcome(predictor, data)  # noqa: B023 - called before the next file comes

        used = watch.used(predict)
        print(json.dumps([outcome, used.to_json()]), flush=True)


def _outcome(predictor: Predictor, data: bytes) -> str:
    try:
        predictor.predict(data, request_id="", heatmap=True)
    except PneumoniaError as error:
        return error.code
    return "predicted"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
