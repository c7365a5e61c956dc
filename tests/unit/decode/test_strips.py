import numpy as np
import pytest

from pneumonia.decode.strips import STRIP_VALUES, in_strips


@pytest.mark.parametrize(
    "shape", [(0, 5), (7, 0), (3, 4), (1, 3 * STRIP_VALUES), (3 * STRIP_VALUES + 1, 1), (700, 800)]
)
def test_every_value_gets_its_grey(shape: tuple[int, int]) -> None:
    seen: list[int] = []

    @in_strips
    def halved(values: np.ndarray, by: int, *, add: int) -> np.ndarray:
        seen.append(values.size)
        return np.asarray(values // by + add, dtype=np.uint8)

    values = np.arange(shape[0] * shape[1]).reshape(shape) % 200
    assert np.array_equal(halved(values, 2, add=3), values // 2 + 3)
    assert max(seen, default=0) <= max(STRIP_VALUES, shape[1])
