from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from training import heatmap_check


def test_hottest_marks_the_given_share() -> None:
    heat = np.arange(100, dtype=np.float32).reshape(10, 10)
    mask = heatmap_check.hottest(heat, 0.2)
    assert mask.sum() == 20
    assert heat[mask].min() > heat[~mask].max()


def test_random_regions_are_as_large_and_differ() -> None:
    rng = np.random.default_rng(0)
    one, other = (heatmap_check.random_region(np.zeros((5, 5), np.float32), rng) for _ in range(2))
    assert one.sum() == other.sum() == round(0.2 * heatmap_check.CANVAS**2)
    assert (one != other).any()


def test_blacking_out_changes_only_the_mask() -> None:
    image = Image.new("L", (300, 200), 180)
    mask = np.zeros((224, 224), dtype=bool)
    mask[:50] = True
    pixels = np.asarray(heatmap_check.blacked_out(image, mask))
    assert (pixels[:50] == 0).all()
    assert (pixels[50:] == 180).all()


def test_upsampling_keeps_the_place_of_the_heat() -> None:
    small = np.zeros((5, 5), dtype=np.float32)
    small[0, 4] = 1
    row, column = np.unravel_index(np.argmax(heatmap_check.upsampled(small)), (224, 224))
    assert row < 45
    assert column > 179


def test_shuffled_weights_change_the_graph_and_not_its_shape(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx is only in the training environment (make train-test)")
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


def test_boxes_are_shares_of_the_sides_by_file_name(tmp_path: Path) -> None:
    path = tmp_path / "boxes.csv"
    path.write_text(
        "file,x,y,width,height\nLUNG_OPACITY/a.png,128,256,64,32\nLUNG_OPACITY/b.png,0,0,512,512\n"
        "LUNG_OPACITY/a.png,0,0,256,256\n"
    )
    assert heatmap_check.read_boxes(path) == {
        "a.png": [(0.25, 0.5, 0.125, 0.0625), (0, 0, 0.5, 0.5)],
        "b.png": [(0, 0, 1, 1)],
    }
    assert heatmap_check.read_boxes(path, side=1024)["b.png"] == [(0, 0, 0.5, 0.5)]


def heat(row: int, column: int) -> np.ndarray:
    found = np.full((4, 4), -1, dtype=np.float32)
    found[row, column] = 2
    return found


def test_the_centre_of_the_hottest_cell_decides() -> None:
    maps = np.stack([heat(0, 3), heat(0, 3), heat(3, 0)])  # centres at (0.875, 0.125) twice, and (0.125, 0.875)
    left, right = (0.0, 0.0, 0.5, 1.0), (0.8, 0.0, 0.2, 0.5)
    found = heatmap_check.in_boxes(maps, [[left, right], [left], [right]])
    assert found["films"] == 3
    assert found["hottest_in_box"] == pytest.approx(1 / 3)


def test_boxes_that_overlap_cover_their_area_once() -> None:
    box = (0.0, 0.0, 0.5, 0.5)
    found = heatmap_check.in_boxes(np.stack([heat(3, 3)] * 2), [[box, box], [(0.0, 0.0, 1.0, 1.0)]])
    assert found["box_area"] == pytest.approx((0.25 + 1) / 2)
