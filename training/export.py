"""Export a Keras network to an ONNX graph, and compare the outputs of both.

python -m training.export --model runs/xception-176/fold-0/model.keras --out xception-176.onnx
"""

import argparse
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime

from training.network import OUTPUTS

TOLERANCE = 2e-3  # a different order of float32 operations can change a logit by this much


def export(model: Any, out: Path) -> float:
    """Write ``out`` and return the largest difference of logits between Keras and ONNX on random images.

    Raises ``RuntimeError`` if the interface or the outputs of the graph differ from those of the network.
    """
    size = model.input.shape[1]
    probe = np.random.default_rng(0).integers(0, 256, (4, size, size, 1), dtype=np.uint8)
    expected = {name: np.asarray(value) for name, value in model(probe).items()}
    model.export(str(out), format="onnx", verbose=False)
    graph = onnx.load(out)
    rename(graph, {graph.graph.input[0].name: "image"})
    onnx.save(graph, out)
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    outputs = {entry.name: entry.shape for entry in session.get_outputs()}
    if session.get_inputs()[0].type != "tensor(uint8)" or set(outputs) != set(OUTPUTS):
        raise RuntimeError(f"the exported graph has another interface: {outputs}")
    found = dict(zip(OUTPUTS, session.run(list(OUTPUTS), {"image": probe}), strict=True))
    gap = float(np.max(np.abs(found["logit"] - expected["logit"])))
    if gap > TOLERANCE or any(not np.allclose(found[name], expected[name], atol=0.05) for name in OUTPUTS):
        raise RuntimeError(f"the exported graph differs from the network: logits by {gap:.4f}")
    return gap


def rename(graph: Any, names: dict[str, str]) -> None:
    """Rename tensors of ``graph`` in place."""
    for node in graph.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    for entry in (*graph.graph.input, *graph.graph.output):
        entry.name = names.get(entry.name, entry.name)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a model.keras")
    parser.add_argument("--out", type=Path, required=True, help="the ONNX file to write")
    args = parser.parse_args(argv)
    gap = export(keras.models.load_model(args.model, compile=False), args.out)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB, logits within {gap:.1e} of Keras")


if __name__ == "__main__":
    main()
