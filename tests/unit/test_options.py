from typing import Any

import pytest

from pneumonia.errors import MalformedRequest
from pneumonia.options import is_wanted


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
