"""The options of a prediction, from a query, from JSON or from the metadata of an upload."""

import enum
from typing import Any

from pneumonia.errors import MalformedRequest

HEATMAP = "heatmap"
FORCE = "force"
"""Option to predict an image that the gate would refuse. In the metadata of an upload, it is `x-amz-meta-force`."""

_YES = frozenset({"true", "1", "yes", "on", ""})
_NO = frozenset({"false", "0", "no", "off"})


class Heatmap(enum.Enum):
    """What a response contains besides the prediction: nothing, the heatmap, or the values it is drawn from."""

    NONE = enum.auto()
    PICTURE = enum.auto()
    MAP = enum.auto()


def read_heatmap(value: Any) -> Heatmap:
    """Read the option `heatmap`: "map", or a value that `is_wanted` accepts. Raises MalformedRequest."""
    if isinstance(value, str) and value.strip().lower() == "map":
        return Heatmap.MAP
    try:
        return Heatmap.PICTURE if is_wanted(HEATMAP, value) else Heatmap.NONE
    except MalformedRequest:
        raise MalformedRequest("heatmap must be true, false or map.") from None


def is_wanted(option: str, value: Any) -> bool:
    """Read an option: a text (true/false, 1/0, yes/no, on/off, or empty as in a bare `?option`), a JSON boolean, or
    None if it is absent. Raises MalformedRequest for any other value."""
    if value is None:
        return False
    if isinstance(value, bool):
        return value
    word = value.strip().lower() if isinstance(value, str) else None
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise MalformedRequest(f"{option} must be true or false.")
