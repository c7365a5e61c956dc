from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training import heatmap_check


def test_hottest_marks_the_asked_share_at_the_top() -> None:
    heat = np.arange(100, dtype=np.float32).reshape(10, 10)
    mask = heatmap_check.hottest(heat, 0.2)
    assert mask.sum() == 20
    assert heat[mask].min() > heat[~mask].max()


def test_random_regions_are_as_large_and_differ() -> None:
    rng = np.random.default_rng(0)
    one, other = (heatmap_check.random_region(np.zeros((5, 5), np.float32), rng) for _ in range(2))
    assert one.sum() == other.sum() == round(0.2 * heatmap_check.CANVAS**2)
    assert (one != other).any()


def test_blacking_out_touches_the_mask_alone() -> None:
    film = Image.new("L", (300, 200), 180)
    mask = np.zeros((224, 224), dtype=bool)
    mask[:50] = True
    pixels = np.asarray(heatmap_check.blacked_out(film, mask))
    assert (pixels[:50] == 0).all()
    assert (pixels[50:] == 180).all()


def test_lung_fields_are_two_and_symmetric() -> None:
    mask = heatmap_check.lung_mask()
    assert (mask == mask[:, ::-1]).all()
    assert not mask[:, 112].any()
    assert 0.2 < mask.mean() < 0.4


def test_upsampling_keeps_the_place_of_the_heat() -> None:
    small = np.zeros((5, 5), dtype=np.float32)
    small[0, 4] = 1
    row, column = np.unravel_index(np.argmax(heatmap_check.upsampled(small)), (224, 224))
    assert row < 45
    assert column > 179


def test_shuffled_weights_change_the_graph_and_not_its_shape(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx is in the training environment (make train-test)")
    from onnx import helper, numpy_helper

    weight = numpy_helper.from_array(np.arange(1024, dtype=np.float32).reshape(32, 32), "w")
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    info = [helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 32]) for name in ("x", "y")]
    graph = helper.make_graph([node], "g", [info[0]], [info[1]], [weight])
    source, target = tmp_path / "a.onnx", tmp_path / "b.onnx"
    onnx.save(helper.make_model(graph), source)
    digest = heatmap_check.randomised(source, target)
    values = numpy_helper.to_array(onnx.load(target).graph.initializer[0])
    assert len(digest) == 64
    assert sorted(values.ravel()) == list(range(1024))
    assert (values != numpy_helper.to_array(weight)).any()
