"""Quantise a float32 ONNX graph to int8: a quarter of the bytes, and faster on CPUs with VNNI.

    python -m training.quantise --model xception-176.onnx --data chest_xray/train --out xception-176-int8.onnx

The interface of the graph stays the same. The command uses static quantisation (Jacob et al. 2018, arXiv:1712.05877) in
onnxruntime's QDQ form, with int8 weights for each output channel and uint8 activations. The ranges of the activations
come from training images. Before that, `training/equalise.py` makes the ranges similar between channels. The backbone
reads the uint8 image itself (`training/image_input.py`), and its channels are padded (`training/padding.py`). The head
costs little and stays in float32. `--reduce-range` uses 7 of the 8 bits of the weights: an AVX2 CPU without VNNI adds
pairs of products in 16 bits, which 8-bit weights can saturate.
"""

import argparse
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process

from training import equalise, image_input, metrics, padding
from training.data import LabelledImage, labels, load_pixels, merge_duplicates, scan

QUANTISED = ("Conv", "Relu", "Clip", "Add", "MaxPool")
CALIBRATION_IMAGES = 200
CHECKED_IMAGES = 400
BATCH = 8
IMAGE_QUANTISATION = {
    "quant_type": QuantType.QUInt8,
    "scale": np.array(1, np.float32),
    "zero_point": np.array(0, np.uint8),
}
"""Quantisation parameters that leave the pixels of the image unchanged."""

Images = NDArray[np.uint8]


@dataclass(frozen=True)
class Agreement:
    """Agreement of two graphs on the same images. Logits are not calibrated."""

    images: int
    correlation: float
    largest_difference: float
    mean_difference: float
    decisions_changed: float
    auc: tuple[float, float]

    def __str__(self) -> str:
        return (
            f"{self.images} images: logits correlate {self.correlation:.5f}, differ by {self.mean_difference:.3f} on "
            f"average and {self.largest_difference:.3f} at most; {self.decisions_changed:.2%} of decisions change; "
            f"AUC {self.auc[0]:.4f} -> {self.auc[1]:.4f}"
        )


class ImageReader(CalibrationDataReader):  # type: ignore[misc]  # onnxruntime has no type information
    """Feed images, uint8 ``[N, H, W, 1]``, to the calibration one at a time."""

    def __init__(self, name: str, images: Images) -> None:
        self._feeds: Iterator[dict[str, Images]] = ({name: images[i : i + 1]} for i in range(len(images)))

    def get_next(self) -> dict[str, Images] | None:
        return next(self._feeds, None)


def quantise(source: Path, out: Path, images: Images, *, reduce_range: bool = False) -> None:
    """Write ``out``, the graph of ``source`` with an int8 backbone. Inputs and outputs keep their names and types.

    ``images``: for calibration, uint8 ``[N, H, W, 1]``, preprocessed as in serving, and never from the test split.
    Raises ``ValueError`` for images that the graph cannot take and for a graph without convolutions. Raises
    ``RuntimeError`` if the written graph has another interface.
    """
    if images.dtype != np.uint8 or images.ndim != 4 or not len(images):
        raise ValueError(f"images must be uint8 [N, H, W, 1] with N > 0, not {images.dtype} {list(images.shape)}")
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        # Symbolic inference is not needed: all shapes are known, except the size of the batch.
        quant_pre_process(str(source), str(prepared), skip_symbolic_shape=True)
        model = onnx.load(prepared)
        equalise.equalise(model, images)
        image = image_input.fold_scaling(model)
        padding.pad_channels(model)
        graph, even, quantised = model.graph, Path(folder) / "even.onnx", Path(folder) / "int8.onnx"
        onnx.save(model, even)
        quantize_static(
            str(even),
            str(quantised),
            ImageReader(graph.input[0].name, images),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=list(QUANTISED),
            nodes_to_exclude=outside_backbone(graph),
            per_channel=True,
            reduce_range=reduce_range,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            extra_options={"TensorQuantOverrides": {image: [IMAGE_QUANTISATION]}} if image else {},
        )
        if image:
            model = onnx.load(quantised)
            image_input.read_image(model)
            onnx.checker.check_model(model)
            onnx.save(model, quantised)
        before, after = interface(source), interface(quantised)
        if before != after:
            raise RuntimeError(f"the quantised graph has another interface: {after} instead of {before}")
        shutil.copyfile(quantised, out)


def outside_backbone(graph: Any) -> list[str]:
    """Return the nodes to leave in float32: before the first convolution (scaling), and after pooling or a dense layer.

    Raises ``ValueError`` for a graph without convolutions. This relies on ONNX, which orders nodes by computation.
    """
    convolved: set[str] = set()
    headed: set[str] = set()
    outside = []
    for node in graph.node:
        if node.op_type == "Conv" or convolved.intersection(node.input):
            convolved.update(node.output)
        if node.op_type in ("GlobalAveragePool", "ReduceMean", "MatMul", "Gemm") or headed.intersection(node.input):
            headed.update(node.output)
        if node.op_type in QUANTISED and (headed.intersection(node.input) or not convolved.intersection(node.output)):
            outside.append(node.name)
    if not convolved:
        raise ValueError("the graph has no convolution, so it has no backbone to quantise")
    return outside


def interface(path: Path) -> dict[str, tuple[str, tuple[int | None, ...]]]:
    """Return name -> type and shape of every input and output; None for a dynamic dimension."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return {
        entry.name: (entry.type, tuple(side if isinstance(side, int) else None for side in entry.shape))
        for entry in (*session.get_inputs(), *session.get_outputs())
    }


def scores(path: Path, images: Images) -> NDArray[np.float64]:
    """Return the logits of the graph for ``images``, float64 ``[N]``."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 2
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    parts = [session.run(["logit"], {name: images[i : i + BATCH]})[0] for i in range(0, len(images), BATCH)]
    return np.concatenate(parts).astype(np.float64).ravel()


def agreement(before: NDArray[np.float64], after: NDArray[np.float64], y: NDArray[np.float64]) -> Agreement:
    """Compare the logits of two graphs, float64 ``[N]``, for images of classes ``y``.

    A decision changes if the two logits are on different sides of ``before``'s best threshold (``best_cut``).
    """
    cut = best_cut(before, y)
    gap = np.abs(after - before)
    return Agreement(
        images=len(y),
        correlation=float(np.corrcoef(before, after)[0, 1]),
        largest_difference=float(gap.max()),
        mean_difference=float(gap.mean()),
        decisions_changed=float(np.mean((before >= cut) != (after >= cut))),
        auc=(metrics.auc(y, before), metrics.auc(y, after)),
    )


def best_cut(logits: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the logit at which the mean of sensitivity and specificity is largest."""
    return float(max(logits, key=lambda cut: np.mean(logits[y == 1] >= cut) - np.mean(logits[y == 0] >= cut)))


def choose(
    images: Sequence[LabelledImage], calibration: int, checked: int, seed: int = 7
) -> tuple[list[LabelledImage], list[LabelledImage]]:
    """Return images to calibrate on and images to check on, drawn by patient so that no patient is in both."""
    patients = np.array(sorted({image.group for image in images}))
    np.random.default_rng(seed).shuffle(patients)
    taken, kept = set(patients[: len(patients) // 2]), set(patients[len(patients) // 2 :])
    return _spread(images, taken, calibration), _spread(images, kept, checked)


def _spread(images: Sequence[LabelledImage], groups: set[str], count: int) -> list[LabelledImage]:
    """Return about ``count`` images of ``groups``, evenly spaced in their list, half from each class."""
    drawn = []
    for label in (0, 1):
        own = [image for image in images if image.label == label and image.group in groups]
        places = np.linspace(0, len(own) - 1, min(count // 2, len(own))).astype(int)
        drawn += [own[place] for place in places]
    return drawn


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="float32 graph")
    parser.add_argument("--data", type=Path, required=True, help="training images, one folder for each class")
    parser.add_argument("--out", type=Path, required=True, help="the int8 graph to write")
    parser.add_argument(
        "--films", type=int, default=CALIBRATION_IMAGES, help="number for calibration; default: %(default)s"
    )
    parser.add_argument("--check", type=int, default=CHECKED_IMAGES, help="number to check on; default: %(default)s")
    parser.add_argument("--reduce-range", action="store_true", help="7-bit weights, for CPUs without VNNI")
    args = parser.parse_args(argv)
    size = next(iter(interface(args.model).values()))[1][1]
    if size is None:
        raise SystemExit(f"{args.model} takes images of any size. Calibration needs a graph with a fixed input size.")
    calibration, checked = choose(merge_duplicates(scan(args.data)), args.films, args.check)
    pixels = load_pixels([image.path for image in calibration], size, title="Calibration images")
    quantise(args.model, args.out, pixels, reduce_range=args.reduce_range)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB of {args.model.stat().st_size / 1e6:.1f} MB")
    images = load_pixels([image.path for image in checked], size, title="Images to check on")
    y = labels(checked).astype(np.float64)
    print(agreement(scores(args.model, images), scores(args.out, images), y))


if __name__ == "__main__":
    main()
