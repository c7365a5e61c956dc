"""Optimise the graphs when the container image is built, so that a container starts faster.

    python -m pneumonia.model.optimise FOLDER

This optimises each member of the card at onnxruntime's extended level, which suits every CPU, and removes the original.
onnxruntime chooses the layouts for the current CPU when it loads the graph. The files are checked against the card
here. They are not read and hashed again at each start, because Lambda verifies the layers of a container image by
digest.

The weights go into a file next to the graph. onnxruntime maps this file into memory instead of reading and parsing it,
which saves 22 ms of processor time and 19 MB of memory at each start (docs/performance.md).
"""

import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

# Before onnxruntime is imported: see pneumonia.model.sessions.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime as ort

from pneumonia.errors import ModelError
from pneumonia.model.card import Card, Member

TOLERANCE = 1e-3
"""Largest allowed change of an output. The optimisations keep the arithmetic, but not the order of every sum."""


def prepared_file(member: Member, directory: Path) -> Path:
    """Return the path of the optimised graph of a member, whether or not it exists."""
    return directory / f"{Path(member.file).stem}.prepared.onnx"


def weights_file(member: Member, directory: Path) -> Path:
    """Return the path of the weights of an optimised graph. A graph with few weights has no such file."""
    return directory / f"{Path(member.file).stem}.prepared.weights"


def graph_file(member: Member, directory: Path) -> Path:
    """Return the file to load: the optimised graph if it exists, else the member's file, checked against the card.

    Raises ModelError on a missing or altered file.
    """
    optimised = prepared_file(member, directory)
    if optimised.exists():
        return optimised
    member.verify(directory)
    return directory / member.file


def prepare(directory: Path) -> list[Path]:
    """Replace the graphs next to the card with optimised ones, and return their paths.

    Raises ModelError if a file is missing, altered or not ONNX, or if the optimised graph gives other results.
    """
    card = Card.load(directory)
    card.verify(directory)
    return [_prepare(member, directory) for member in card.members]


def _prepare(member: Member, directory: Path) -> Path:
    source, target = directory / member.file, prepared_file(member, directory)
    weights = weights_file(member, directory)
    shape = (1, member.input.height, member.input.width, 1)
    import hashlib  # imported here, because it loads OpenSSL, which a start does not need

    # Reproducible noise. The container image does not contain numpy.random.
    noise = np.frombuffer(hashlib.shake_128(b"film").digest(math.prod(shape)), np.uint8).reshape(shape)
    try:
        _optimise(source, target, weights)
        # Run both graphs with the options used for serving, to compare the results that callers would get.
        before, after = _outputs(source, noise), _outputs(target, noise)
    except Exception as error:  # onnxruntime's exceptions have no common public base class
        raise ModelError(f"onnxruntime cannot optimise {member.file}: {error}") from error
    if not all(np.allclose(a, b, atol=TOLERANCE) for a, b in zip(before, after, strict=True)):
        for made in (target, weights):
            made.unlink(missing_ok=True)
        raise ModelError(f"{member.file} gives other results after optimisation. Build the image without this step.")
    # Keep the modification time of the original, so that the same model gives the same layer of the container image.
    for made in filter(Path.exists, (target, weights)):
        os.utime(made, (source.stat().st_atime, source.stat().st_mtime))
    source.unlink()
    return target


def _optimise(source: Path, target: Path, weights: Path) -> None:
    options = _options(ort.GraphOptimizationLevel.ORT_ENABLE_EXTENDED)
    options.optimized_model_filepath = str(target)
    options.add_session_config_entry("session.optimized_model_external_initializers_file_name", weights.name)
    options.add_session_config_entry("session.optimized_model_external_initializers_min_size_in_bytes", "1024")
    ort.InferenceSession(str(source), options, providers=["CPUExecutionProvider"])


def _outputs(path: Path, noise: Any) -> Sequence[Any]:
    options = _options(ort.GraphOptimizationLevel.ORT_ENABLE_ALL)
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    found: Sequence[Any] = session.run(None, {session.get_inputs()[0].name: noise})
    return found


def _options(level: Any) -> Any:
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    options.log_severity_level = 3
    return options


if __name__ == "__main__":
    print(*prepare(Path(sys.argv[1])), sep="\n")
