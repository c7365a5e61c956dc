"""Load the ONNX graphs as sessions, and predict with one model or a weighted ensemble."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image

# onnxruntime sends telemetry to its maker unless telemetry is disabled before the import.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime as ort

from pneumonia.errors import ModelError
from pneumonia.model.card import Card, Member
from pneumonia.model.gate import GateScores
from pneumonia.model.optimise import graph_file
from pneumonia.model.preprocess import enough_pixels, to_model_input

INPUT = "image"
OUTPUTS = ("logit", "activation_map")
GATE_OUTPUTS = ("gate_distance", "gate_population", "gate_pose")
LUNG_OUTPUT = "lung_map"

InputBatch = npt.NDArray[np.uint8]
Map = npt.NDArray[np.float32]


class ModelOutput(NamedTuple):
    """The output for one image. `logit` is not calibrated. `activation_map`: float32 [h, w], the evidence for pneumonia
    in each cell, in units of the logit; negative values are evidence against it. `gate` is None for a card without a
    gate. `lung_map`: float32 [h, w] in 0..1, the share of lung in each cell of a grid over the image; None if the model
    has no such output."""

    logit: float
    activation_map: Map
    gate: GateScores | None = None
    lung_map: Map | None = None


class Model:
    """The members of a card as onnxruntime sessions. Create one per process, because creating it is slow."""

    def __init__(self, card: Card, directory: Path, threads: int = 1) -> None:
        """Load the files. Files that were not optimised are first checked against the card.

        `threads`: number of threads inside each operator.

        Raises ModelError if a file is missing, altered, not ONNX, or has other inputs or outputs.
        """
        files = [graph_file(member, directory) for member in card.members]
        self._members, self._stretch = card.members, card.stretch
        # Only the first member returns the gate outputs, because each image needs only one set.
        self._outputs = [
            OUTPUTS + (GATE_OUTPUTS if card.gate is not None and index == 0 else ())
            for index in range(len(card.members))
        ]
        self._sessions = [
            _session(member, path, threads, outputs)
            for member, path, outputs in zip(card.members, files, self._outputs, strict=True)
        ]
        # The lung map is optional, because predictions do not depend on it.
        if any(node.name == LUNG_OUTPUT for node in self._sessions[0].get_outputs()):
            self._outputs[0] += (LUNG_OUTPUT,)
        total = sum(member.weight for member in card.members)
        self._weights = [member.weight / total for member in card.members]

    @property
    def enough(self) -> int:
        """Pixels that an image must keep on its shorter side when its decoder reduces it: see `decode.dispatch`."""
        return max(enough_pixels(member.input.height, member.input.width) for member in self._members)

    def predict(self, images: Sequence[Image.Image]) -> list[ModelOutput]:
        """Predict grey images (mode "L", any size) as one batch, in their order.

        Raises ValueError for another mode, ModelError if a graph fails or returns a number that is not finite.
        """
        return self.run(self.prepare(images))

    def prepare(self, images: Sequence[Image.Image]) -> list[InputBatch]:
        """Return the inputs for `run`: for each member a uint8 batch [len(images), H, W, 1]."""
        return [
            np.stack([self._input(image, member) for image in images])
            if images
            else np.empty((0, member.input.height, member.input.width, 1), np.uint8)
            for member in self._members
        ]

    def _input(self, image: Image.Image, member: Member) -> InputBatch:
        return to_model_input(image, member.input.height, member.input.width, stretch=self._stretch)

    def run(self, batches: Sequence[InputBatch]) -> list[ModelOutput]:
        """Predict prepared batches, one for each member. Raises ModelError like `predict`."""
        if not len(batches[0]):
            return []
        found = [
            _run(session, batch, member, outputs)
            for session, batch, member, outputs in zip(
                self._sessions, batches, self._members, self._outputs, strict=True
            )
        ]
        grid = found[0][1].shape[1:]
        logits = sum(weight * one[0] for weight, one in zip(self._weights, found, strict=True))
        maps = sum(weight * _resize_maps(one[1], grid) for weight, one in zip(self._weights, found, strict=True))
        first = dict(zip(self._outputs[0], found[0], strict=True))
        gates = _gates([first[name] for name in GATE_OUTPUTS if name in first], len(batches[0]))
        lungs = first.get(LUNG_OUTPUT, [None] * len(batches[0]))
        return [
            ModelOutput(float(logit), np.asarray(activation, np.float32), gate, lung)
            for logit, activation, gate, lung in zip(np.asarray(logits), np.asarray(maps), gates, lungs, strict=True)
        ]


def _gates(found: Sequence[Any], count: int) -> list[GateScores | None]:
    if not found:
        return [None] * count
    distance, population, pose = found
    return [GateScores(float(distance[k]), float(population[k]), int(pose[k].argmax())) for k in range(count)]


def _session(member: Member, path: Path, threads: int, outputs: Sequence[str]) -> Any:
    options = ort.SessionOptions()
    # By default, onnxruntime uses all visible CPUs, and Lambda shows more than it provides.
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.execution_mode = ort.ExecutionMode.ORT_SEQUENTIAL
    # This includes the layouts for this CPU. In a graph that `optimise` has prepared, only these are missing.
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions have no common public base class
        raise ModelError(f"onnxruntime cannot load {member.file}: {error}") from error
    _check_signature(session, member, outputs)
    return session


def _check_signature(session: Any, member: Member, wanted_outputs: Sequence[str]) -> None:
    inputs = {node.name: node for node in session.get_inputs()}
    outputs = {node.name for node in session.get_outputs()}
    if set(inputs) != {INPUT} or not outputs.issuperset(wanted_outputs):
        raise ModelError(
            f"{member.file} must have the input {INPUT!r} and the outputs {tuple(wanted_outputs)}, "
            f"not {sorted(inputs)} and {sorted(outputs)}."
        )
    node = inputs[INPUT]
    wanted = [member.input.height, member.input.width, 1]
    # A dimension that the graph leaves open is a name or None, and accepts any size.
    fits = len(node.shape) == 4 and all(
        not isinstance(found, int) or found == size for found, size in zip(node.shape[1:], wanted, strict=True)
    )
    if node.type != "tensor(uint8)" or not fits:
        raise ModelError(f"{member.file} takes {node.type} {node.shape}, but the card says uint8 [N, {wanted}].")


def _run(session: Any, batch: InputBatch, member: Member, outputs: Sequence[str]) -> list[Any]:
    try:
        found = session.run(list(outputs), {INPUT: batch})
    except Exception as error:
        raise ModelError(f"{member.file} failed on a batch of shape {batch.shape}: {error}") from error
    logit, maps = found[:2]
    if logit.shape != (len(batch),) or maps.ndim != 3 or len(maps) != len(batch):
        raise ModelError(
            f"{member.file} returned logit {logit.shape} and activation_map {maps.shape} for {len(batch)} images."
        )
    if not all(np.isfinite(values).all() for values in found):
        raise ModelError(f"{member.file} returned a value that is not a finite number.")
    return list(found)


def _resize_maps(maps: Map, grid: tuple[int, ...]) -> Map:
    """Resize [N, h, w] to the first member's grid, so that maps of different input sizes can be averaged."""
    if maps.shape[1:] == grid:
        return maps
    size = (grid[1], grid[0])
    return np.stack([np.asarray(Image.fromarray(one).resize(size, Image.Resampling.BILINEAR)) for one in maps])
