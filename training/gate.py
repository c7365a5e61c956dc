"""Fit the gate, which checks that an image is an upright chest X-ray of the training population.

The gate has three outputs: distance, pose and population. The distance from other chest X-rays is the Mahalanobis
distance of a Gaussian in the principal components of the features, plus the residual (Lee et al. 2018,
arXiv:1807.03888; Ren et al. 2021, arXiv:2106.09022). Two linear heads give pose and population.

All three read the pooled features of the served member, scaled to unit length. The direction of this vector depends on
the content of the image, but its length depends on exposure and contrast. Only chest X-rays are used for the fit.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from PIL import Image
from rich.progress import track
from sklearn.linear_model import LogisticRegression

from pneumonia.model.card import POSES
from pneumonia.model.gate import undone
from pneumonia.model.preprocess import to_model_input
from pneumonia.model.sessions import GATE_OUTPUTS, INPUT
from training import data

Array = NDArray[np.float32]

COMPONENTS = 100
DISTANCE_QUANTILE = 0.997  # of held-out chest X-rays of both populations
POPULATION_QUANTILE = 0.995  # of held-out images of the training population
SPREAD_FLOOR = 0.25  # least spread of a feature, as a share of the median over the features
TURNED_IMAGES = 300  # of each population, in each pose
CHILD_IMAGES = 2000
BATCH = 16
FEATURES = "features"
PARTS = 3  # each part is scored by a fit on the other parts
_OPPOSITE = {"turned_90": "turned_270", "turned_270": "turned_90"}


@dataclass(frozen=True)
class Gaussian:
    """Distribution of the features of chest X-rays, with D features and K principal components."""

    mean: Array
    spread: Array
    axes: Array
    variance: Array
    residual: float

    def distance(self, features: Array) -> Array:
        """Return the mean squared Mahalanobis distance over the components plus the relative residual, ``[N]``.

        ``features``: of unit length, ``[N, D]``. The distance of a chest X-ray is about 2.
        """
        z = (features - self.mean) / self.spread
        inside = z @ self.axes
        left = np.maximum((z * z).sum(1) - (inside * inside).sum(1), 0)
        return np.asarray((inside * inside / self.variance).mean(1) + left / self.residual, dtype=np.float32)


@dataclass(frozen=True)
class Gate:
    """Arrays to append to the graph, and limits to write into the card."""

    gaussian: Gaussian
    population: Array
    population_bias: float
    pose: Array
    pose_bias: Array
    distance_threshold: float
    population_threshold: float


def unit(features: Array) -> Array:
    """Scale ``features``, ``[N, D]``, to unit length."""
    return np.asarray(features / np.linalg.norm(features, axis=1, keepdims=True), dtype=np.float32)


def feature_reader(path: Path, threads: int = 2) -> Callable[[Sequence[Image.Image]], Array]:
    """Return a function from grey images to the pooled features of an exported network, float32 ``[N, D]``."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    height, width = session.get_inputs()[0].shape[1:3]

    def read(images: Sequence[Image.Image]) -> Array:
        batch = np.stack([to_model_input(image, height, width, stretch=True) for image in images])
        return np.asarray(session.run([FEATURES], {INPUT: batch})[0], dtype=np.float32)

    return read


def changed(image: Image.Image, pose: str) -> Image.Image:
    """Turn or invert an upright ``image`` so that it is in ``pose``. The gate's correction is the inverse."""
    return image if pose == "upright" else undone(image, _OPPOSITE.get(pose, pose))


def read_features(
    read: Callable[[Sequence[Image.Image]], Array], paths: Sequence[Path], pose: str, title: str
) -> Array:
    """Return the features of the images at ``paths`` in one pose, float32 ``[N, D]``."""
    found = []
    for start in track(range(0, len(paths), BATCH), description=title):
        images = []
        for path in paths[start : start + BATCH]:
            with Image.open(path) as image:
                images.append(changed(image.convert("L"), pose))
        found.append(read(images))
    return np.concatenate(found)


def belongs_to_fit(patient: str) -> bool:
    """Return whether the gate is fitted on this patient's images.

    A digest of the ID chooses half of the patients for the fit. The gate is tested on the other half.
    """
    return hashlib.sha256(patient.encode()).digest()[0] % 2 == 0


def other_images(folder: Path) -> list[Path]:
    """List the unlabelled chest X-rays of another population. Their file names have the form ``PATIENT_VISIT``."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in data.IMAGE_SUFFIXES)


def gaussian(x: Array) -> Gaussian:
    """Fit the Gaussian to features of unit length, ``[N, D]``."""
    mean, spread = x.mean(0), x.std(0)
    # Without this minimum, a feature that is nearly always zero would give a huge distance whenever it is not zero.
    spread = np.maximum(spread, SPREAD_FLOOR * np.median(spread))
    z = (x - mean) / spread
    _, _, rows = np.linalg.svd(z, full_matrices=False)
    axes = rows[: min(COMPONENTS, x.shape[1] // 2)].T  # leave other dimensions for the residual
    inside = z @ axes
    return Gaussian(
        mean=mean.astype(np.float32),
        spread=spread.astype(np.float32),
        axes=axes.astype(np.float32),
        variance=inside.var(0).astype(np.float32),
        residual=float(((z * z).sum(1) - (inside * inside).sum(1)).mean()),
    )


def population(parts: Sequence[Array]) -> tuple[Array, float]:
    """Fit the log odds that an image is not from the first population of ``parts``. Return weights ``[D]`` and bias."""
    x = np.concatenate(parts)
    scale = float(x.std(0).mean())
    head = LogisticRegression(C=1.0, class_weight="balanced", max_iter=1000)
    head.fit(x / scale, np.concatenate([np.full(len(part), k) for k, part in enumerate(parts)]))
    return (head.coef_[0] / scale).astype(np.float32), float(head.intercept_[0])


def limits(parts: Sequence[Array], seed: int) -> tuple[float, float]:
    """Return the limits of distance and population odds, by cross-validation.

    Each image is scored once, by a fit that never saw it. With a single split, one or two unusual images would
    determine the limit of the distance.
    """
    rng = np.random.default_rng(seed)
    shares = [rng.permutation(len(part)) % PARTS for part in parts]
    distances, odds = [], []
    for k in range(PARTS):
        fits = [part[share != k] for part, share in zip(parts, shares, strict=True)]
        judges = [part[share == k] for part, share in zip(parts, shares, strict=True)]
        distances.append(gaussian(np.concatenate(fits)).distance(np.concatenate(judges)))
        weights, bias = population(fits)
        odds.append(judges[0] @ weights + bias)
    return (
        round(float(np.quantile(np.concatenate(distances), DISTANCE_QUANTILE)), 4),
        round(float(np.quantile(np.concatenate(odds), POPULATION_QUANTILE)), 4),
    )


def fit(upright: Sequence[Array], turned: dict[str, Sequence[Array]], seed: int = 0) -> Gate:
    """Fit the gate.

    ``upright``: features of the training population, then of another one. ``turned``: the same for each other pose.
    """
    parts = [unit(features) for features in upright]
    weights, bias = population(parts)
    distance_threshold, population_threshold = limits(parts, seed)
    poses = [np.concatenate([unit(part) for part in turned[name]]) for name in POSES[1:]]
    # For the pose, take as many upright images of each population as there are in every other pose.
    few = np.concatenate([part[: len(turned[POSES[1]][k])] for k, part in enumerate(parts)])
    scale = float(np.concatenate(parts).std(0).mean())
    pose = LogisticRegression(C=1.0, max_iter=1000)
    pose.fit(
        np.concatenate([few, *poses]) / scale,
        np.concatenate([np.full(len(part), k) for k, part in enumerate([few, *poses])]),
    )
    return Gate(
        gaussian=gaussian(np.concatenate(parts)),
        population=weights,
        population_bias=bias,
        pose=(pose.coef_ / scale).T.astype(np.float32),
        pose_bias=pose.intercept_.astype(np.float32),
        distance_threshold=distance_threshold,
        population_threshold=population_threshold,
    )


def attach(path: Path, gate: Gate) -> None:
    """Add the gate's three outputs to the ONNX member at ``path`` in place, and remove its output ``features``."""
    model = onnx.load(path)
    graph = model.graph
    normal = gate.gaussian
    features = len(normal.mean)

    def constant(name: str, value: Any) -> str:
        graph.initializer.append(numpy_helper.from_array(np.asarray(value), f"gate/{name}"))
        return f"gate/{name}"

    def node(kind: str, inputs: Sequence[str], output: str, **attributes: Any) -> str:
        graph.node.append(helper.make_node(kind, list(inputs), [output], name=f"gate/{output}/{kind}", **attributes))
        return output

    def wide(name: str, value: Any) -> str:
        return constant(name, np.asarray(value, dtype=np.float32))

    axis = constant("axis", np.array([1], dtype=np.int64))
    flat = node("Reshape", [FEATURES, constant("flat", np.array([-1, features], dtype=np.int64))], "gate/f")
    unit = node("LpNormalization", [flat], "gate/unit", axis=1, p=2)
    centred = node("Sub", [unit, wide("mean", normal.mean)], "gate/centred")
    z = node("Div", [centred, wide("spread", normal.spread)], "gate/z")
    inside = node("MatMul", [z, wide("axes", normal.axes)], "gate/inside")
    # Weights of the squared components: 1 / (K * variance) for the distance. Subtract 1 / residual, because `beyond`
    # adds the full length, and the residual must not include the part that the components explain.
    by_component = (1 / (normal.variance * len(normal.variance)) - 1 / normal.residual)[:, None]
    squares = node("Mul", [inside, inside], "gate/squares")
    within = node("MatMul", [squares, wide("by_component", by_component)], "gate/within")
    length = node("ReduceSum", [node("Mul", [z, z], "gate/zz"), axis], "gate/length", keepdims=1)
    beyond = node("Div", [length, wide("residual", np.float32(normal.residual))], "gate/beyond")
    total = node("Add", [within, beyond], "gate/total")
    node("Squeeze", [total, axis], GATE_OUTPUTS[0])
    odds = node("MatMul", [unit, wide("population", gate.population[:, None])], "gate/odds")
    whole = node("Add", [odds, wide("population_bias", np.float32(gate.population_bias))], "gate/population_odds")
    node("Squeeze", [whole, axis], GATE_OUTPUTS[1])
    turns = node("MatMul", [unit, wide("pose", gate.pose)], "gate/turns")
    node("Add", [turns, wide("pose_bias", gate.pose_bias)], GATE_OUTPUTS[2])
    graph.output.remove(next(entry for entry in graph.output if entry.name == FEATURES))
    for name, shape in zip(GATE_OUTPUTS, (["N"], ["N"], ["N", len(POSES)]), strict=True):
        graph.output.append(helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, shape))
    onnx.checker.check_model(model)
    onnx.save(model, path)


def build(member: Path, images: Path, others: Path) -> Gate:
    """Fit the gate of an exported member on ``images`` and half the patients of ``others``, and attach it."""
    rng = np.random.default_rng(0)
    children = [image.path for image in data.scan(images)]
    children = [children[k] for k in rng.permutation(len(children))[:CHILD_IMAGES]]
    adults = [path for path in other_images(others) if belongs_to_fit(path.stem.split("_")[0])]
    read = feature_reader(member)
    sets = {"children": children, "others": adults}
    upright = [read_features(read, paths, "upright", f"Gate, {name}") for name, paths in sets.items()]
    turned: dict[str, Sequence[Array]] = {
        pose: [
            read_features(read, paths[:TURNED_IMAGES], pose, f"Gate, {name}, {pose}") for name, paths in sets.items()
        ]
        for pose in POSES[1:]
    }
    gate = fit(upright, turned)
    attach(member, gate)
    return gate
