from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from tests.training.graphs import CHANNELS, SIZE, network
from training import quantise
from training.data import LabelledImage, scan


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return network(tmp_path_factory.mktemp("graphs") / "float.onnx")


@pytest.fixture(scope="module")
def images() -> NDArray[np.uint8]:
    """Return noisy images of different brightness, uint8 [24, SIZE, SIZE, 1]."""
    random = np.random.default_rng(5)
    grey = random.uniform(40, 200, (24, 1, 1, 1)) + random.normal(0, 20, (24, SIZE, SIZE, 1))
    return grey.clip(0, 255).astype(np.uint8)


def run(path: Path, images: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_outputs()]
    return dict(zip(names, session.run(names, {"image": images}), strict=True))


@pytest.mark.parametrize("reduce_range", [False, True])
def test_every_output_stays_close_to_the_float_graph(
    source: Path, images: NDArray[np.uint8], tmp_path: Path, reduce_range: bool
) -> None:
    out = tmp_path / "int8.onnx"
    quantise.quantise(source, out, images[:16], reduce_range=reduce_range)
    expected, found = run(source, images[16:]), run(out, images[16:])
    assert set(found) == set(expected) == {"logit", "activation_map", "features"}
    for name, values in expected.items():
        spread = values.max() - values.min()
        assert found[name].shape == values.shape
        assert np.abs(found[name] - values).max() < 0.08 * spread, name


@pytest.mark.parametrize(("reduce_range", "largest"), [(False, 127), (True, 64)])
def test_weights_are_int8_by_channel_within_the_given_range(
    source: Path, images: NDArray[np.uint8], tmp_path: Path, reduce_range: bool, largest: int
) -> None:
    quantise.quantise(source, tmp_path / "int8.onnx", images[:4], reduce_range=reduce_range)
    stored = [numpy_helper.to_array(entry) for entry in onnx.load(tmp_path / "int8.onnx").graph.initializer]
    weights = [values for values in stored if values.dtype == np.int8 and values.ndim == 4]
    assert len(weights) == 3
    for values in weights:
        by_channel = np.abs(values[:CHANNELS].reshape(CHANNELS, -1).astype(int)).max(axis=1)
        assert (by_channel >= largest - 1).all()  # each channel uses its whole range
        assert not values[CHANNELS:].any()  # channels of padding
        assert (by_channel <= largest).all()


def test_the_head_stays_in_float32(source: Path, images: NDArray[np.uint8], tmp_path: Path) -> None:
    assert set(quantise.outside_backbone(onnx.load(source).graph)) == {"offset", "bias"}
    quantise.quantise(source, tmp_path / "int8.onnx", images[:4])
    graph = onnx.load(tmp_path / "int8.onnx").graph
    maker = {name: node.op_type for node in graph.node for name in node.output}
    heads = [node for node in graph.node if node.op_type == "MatMul"]
    assert Counter(maker.get(name, "weights") for node in heads for name in node.input)["weights"] == len(heads)
    kinds = {maker.get(node.input[0]) for node in graph.node if node.op_type == "Conv"}
    assert kinds == {"DequantizeLinear"}


def test_the_first_convolution_reads_the_image_itself(source: Path, images: NDArray[np.uint8], tmp_path: Path) -> None:
    quantise.quantise(source, tmp_path / "int8.onnx", images[:4])
    graph = onnx.load(tmp_path / "int8.onnx").graph
    assert not {"Cast", "Div"}.intersection(node.op_type for node in graph.node)
    readers = [node.op_type for node in graph.node if "image" in node.input]
    assert readers == ["Transpose"]


def test_a_graph_without_backbone_is_refused(images: NDArray[np.uint8], tmp_path: Path) -> None:
    plain = network(tmp_path / "plain.onnx", convolutions=False)
    with pytest.raises(ValueError, match="no convolution"):
        quantise.quantise(plain, tmp_path / "int8.onnx", images)
    assert not (tmp_path / "int8.onnx").exists()


@pytest.mark.parametrize("shape", [(0, SIZE, SIZE, 1), (4, SIZE, SIZE)])
def test_images_of_another_shape_are_refused(source: Path, tmp_path: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="images"):
        quantise.quantise(source, tmp_path / "int8.onnx", np.zeros(shape, np.uint8))


def test_agreement_counts_changed_decisions_and_distances() -> None:
    before, y = np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0.0, 0.0, 1.0, 1.0])
    found = quantise.agreement(before, np.array([-2.0, 1.5, 1.0, 2.0]), y)
    assert found.decisions_changed == 0.25
    assert found.largest_difference == 2.5
    assert found.mean_difference == 0.625
    assert found.auc == (1.0, 0.75)


def test_no_patient_is_in_both_calibration_and_check(images_dir: Path) -> None:
    calibration, checked = quantise.choose(scan(images_dir), 8, 10)
    assert {image.group for image in calibration}.isdisjoint(image.group for image in checked)

    def classes(images: list[LabelledImage]) -> Counter[int]:
        return Counter(image.label for image in images)

    assert classes(calibration) == {0: 4, 1: 4}
    assert classes(checked) == {0: 5, 1: 5}


def test_the_command_quantises_and_prints_the_agreement(
    images_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = network(tmp_path / "float.onnx")
    out = tmp_path / "int8.onnx"
    quantise.main(
        ["--model", str(source), "--data", str(images_dir), "--out", str(out), "--films", "4", "--check", "8"]
    )
    assert out.exists()
    assert "8 images: logits correlate" in capsys.readouterr().out
