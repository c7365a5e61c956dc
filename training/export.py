"""Keras network -> ONNX graph, checked against the network that it came from.

    python -m training.export --model runs/xception-176/fold-0/model.keras --out xception-176.onnx

Several ``--model`` files of one shape are averaged weight by weight first: networks fine-tuned from one starting
point lie in one basin, and their mean is as good as their ensemble at the cost of one
(Wortsman et al. 2022, arXiv:2203.05482).
"""

import argparse
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import onnxruntime

TOLERANCE = 2e-3  # largest difference of logits that fp32 reordering explains


def averaged(paths: list[Path]) -> Any:
    """One network whose weights are the mean over ``paths``."""
    model = keras.models.load_model(paths[0], compile=False)
    if len(paths) > 1:
        others = [keras.models.load_model(path, compile=False).get_weights() for path in paths[1:]]
        mean = [np.mean(stack, axis=0) for stack in zip(model.get_weights(), *others, strict=True)]
        model.set_weights(mean)
    return model


def export(model: Any, out: Path) -> float:
    """Write ``out`` and return the largest logit difference to Keras on random films.

    Raises ``RuntimeError`` when the graph's interface or its numbers are not the network's.
    """
    size = model.input.shape[1]
    probe = np.random.default_rng(0).integers(0, 256, (4, size, size, 1), dtype=np.uint8)
    expected = model(probe)
    model.export(str(out), format="onnx", verbose=False)
    graph = onnx.load(out)
    rename(graph, {graph.graph.input[0].name: "image"})
    onnx.save(graph, out)
    session = onnxruntime.InferenceSession(str(out), providers=["CPUExecutionProvider"])
    outputs = {entry.name: entry.shape for entry in session.get_outputs()}
    if session.get_inputs()[0].type != "tensor(uint8)" or set(outputs) != {"logit", "activation_map"}:
        raise RuntimeError(f"exported graph has another interface: {outputs}")
    logit, cells = session.run(["logit", "activation_map"], {"image": probe})
    gap = float(np.max(np.abs(logit - np.asarray(expected["logit"]))))
    if gap > TOLERANCE or not np.allclose(cells, np.asarray(expected["activation_map"]), atol=0.05):
        raise RuntimeError(f"exported graph differs from the network: logits by {gap:.4f}")
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
    parser.add_argument("--model", type=Path, action="append", required=True, help="model.keras; several: their mean")
    parser.add_argument("--out", type=Path, required=True, help="the ONNX file to write")
    args = parser.parse_args(argv)
    gap = export(averaged(args.model), args.out)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB, logits within {gap:.1e} of Keras")


if __name__ == "__main__":
    main()
