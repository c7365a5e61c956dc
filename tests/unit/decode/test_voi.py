import numpy as np
import pytest

from pneumonia.decode.image import Window
from pneumonia.decode.voi import apply_window, window_of

VALUES = np.array([-100, 0, 100, 200, 300], dtype=np.float32)


def test_linear_is_the_formula_of_the_standard() -> None:
    # PS3.3 C.11.2.1.2.1: centre 100, width 201 runs from -0.5 to 199.5 in steps of 1/200.
    assert apply_window(VALUES, Window(100, 201, "LINEAR"), (-100.0, 300.0)).tolist() == [0, 1, 128, 255, 255]


def test_linear_exact_has_its_edges_at_half_a_width() -> None:
    assert apply_window(VALUES, Window(100, 200, "LINEAR_EXACT"), (-100.0, 300.0)).tolist() == [0, 0, 128, 255, 255]


def test_sigmoid_is_symmetric_about_its_centre() -> None:
    found = apply_window(VALUES, Window(100, 200, "SIGMOID"), (-100.0, 300.0)).astype(int)
    assert found[2] == 128
    assert found[1] + found[3] == 255
    assert found[1] == round(255 / (1 + np.exp(2)))


def test_a_width_of_one_is_a_threshold() -> None:
    assert apply_window(VALUES, Window(100.5, 1, "LINEAR"), (-100.0, 300.0)).tolist() == [0, 0, 0, 255, 255]


@pytest.mark.parametrize(
    ("center", "width", "function"),
    [
        (None, None, None),
        (100, None, None),
        (100, 0, None),
        (100, 0.5, "LINEAR"),
        (100, -5, "SIGMOID"),
        ("abc", 5, None),
        (100, float("nan"), None),
        (100, 50, "CUBIC"),
        ([], [], None),
    ],
)
def test_invalid_windows_are_ignored(center: object, width: object, function: object) -> None:
    assert window_of(center, width, function) is None


def test_the_first_of_several_windows_is_used() -> None:
    assert window_of([40, 400], [80, 2000], None) == Window(40, 80, "LINEAR")


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
@pytest.mark.parametrize("width", [5_000, 1e9])
def test_a_window_that_is_much_too_wide_is_narrowed_to_the_image(function: str, width: float) -> None:
    found = apply_window(VALUES, Window(100, width, function), (-100.0, 300.0)).astype(int)
    assert np.abs(found - [0, 64, 128, 191, 255]).max() <= 1
