"""Graphs optimised while the image is built, so that a container that starts has less to do.

    python -m pneumonia.model.optimise FOLDER

writes each member of the card again as onnxruntime has optimised it at its extended level, which holds on every CPU
(the layouts that one CPU likes best are chosen where the graph is loaded), and removes the original. What was checked
against the card then need not be read and hashed at each start: Lambda checks the layers of an image by digest itself.

The weights go into a file next to the graph, which onnxruntime maps into memory instead of reading and parsing it: a
start takes 22 ms of processor time less, and 19 MB of memory (docs/performance.md).
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
"""Most that an answer may move: the optimisations keep the arithmetic, but not the order of every sum."""


def prepared_file(member: Member, directory: Path) -> Path:
    """Where the optimised graph of a member lies, if there is one."""
    return directory / f"{Path(member.file).stem}.prepared.onnx"


def weights_file(member: Member, directory: Path) -> Path:
    """Where the weights of an optimised graph lie. A graph with few of them has no such file."""
    return directory / f"{Path(member.file).stem}.prepared.weights"


def graph_file(member: Member, directory: Path) -> Path:
    """The file to load: the optimised graph, else the member's own once that was checked against the card.

    Raises ModelError on a missing or altered file.
    """
    optimised = prepared_file(member, directory)
    if optimised.exists():
        return optimised
    member.verify(directory)
    return directory / member.file


def prepare(directory: Path) -> list[Path]:
    """Write the optimised graphs beside the card in place of the originals; returns their paths.

    Raises ModelError if a file is missing, altered or no ONNX, or if the optimised graph answers otherwise.
    """
    card = Card.load(directory)
    card.verify(directory)
    return [_prepare(member, directory) for member in card.members]


def _prepare(member: Member, directory: Path) -> Path:
    source, target = directory / member.file, prepared_file(member, directory)
    weights = weights_file(member, directory)
    shape = (1, member.input.height, member.input.width, 1)
    import hashlib  # while the image is built, and not at each start: it loads OpenSSL

    # Noise, and always the same; the image has no random part of numpy.
    film = np.frombuffer(hashlib.shake_128(b"film").digest(math.prod(shape)), np.uint8).reshape(shape)
    try:
        _optimise(source, target, weights)
        # As both would be served: comparing with what the same optimisations made of the source would find nothing.
        before, after = _outputs(source, film), _outputs(target, film)
    except Exception as error:  # onnxruntime raises its own classes, which have no common public base
        raise ModelError(f"onnxruntime cannot optimise {member.file}: {error}") from error
    if not all(np.allclose(a, b, atol=TOLERANCE) for a, b in zip(before, after, strict=True)):
        for made in (target, weights):
            made.unlink(missing_ok=True)
        raise ModelError(f"{member.file} answers otherwise once it is optimised: build the image without that step.")
    # The time of the original: the same model makes the same layer of the image.
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


def _outputs(path: Path, film: Any) -> Sequence[Any]:
    options = _options(ort.GraphOptimizationLevel.ORT_ENABLE_ALL)
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    found: Sequence[Any] = session.run(None, {session.get_inputs()[0].name: film})
    return found


def _options(level: Any) -> Any:
    options = ort.SessionOptions()
    options.graph_optimization_level = level
    options.log_severity_level = 3
    return options


if __name__ == "__main__":
    print(*prepare(Path(sys.argv[1])), sep="\n")
