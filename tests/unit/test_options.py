from typing import Any

import pytest

from pneumonia.errors import MalformedRequest
from pneumonia.options import Heatmap, is_wanted, read_heatmap


@pytest.mark.parametrize("value", ["true", "True", "1", "yes", "on", "", " true ", True])
def test_option_wanted(value: Any) -> None:
    assert is_wanted("heatmap", value) is True


@pytest.mark.parametrize("value", ["false", "0", "no", "OFF", None, False])
def test_option_not_wanted(value: Any) -> None:
    assert is_wanted("heatmap", value) is False


@pytest.mark.parametrize("value", ["maybe", "true,false", "2", 1, []])
def test_option_neither(value: Any) -> None:
    with pytest.raises(MalformedRequest, match="heatmap must be true or false"):
        is_wanted("heatmap", value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, Heatmap.NONE),
        ("false", Heatmap.NONE),
        (False, Heatmap.NONE),
        ("", Heatmap.PICTURE),
        ("true", Heatmap.PICTURE),
        (True, Heatmap.PICTURE),
        ("map", Heatmap.MAP),
        (" Map", Heatmap.MAP),
    ],
)
def test_heatmap_is_a_picture_or_a_map(value: Any, expected: Heatmap) -> None:
    assert read_heatmap(value) is expected


@pytest.mark.parametrize("value", ["maps", "maybe", 1, []])
def test_heatmap_is_nothing_else(value: Any) -> None:
    with pytest.raises(MalformedRequest, match=r"heatmap must be true, false or map\."):
        read_heatmap(value)
