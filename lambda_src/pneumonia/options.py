"""The yes-or-no options of a prediction, whether they come in a query, in JSON or in the metadata of an upload."""

from typing import Any

from pneumonia.errors import MalformedRequest

HEATMAP = "heatmap"
FORCE = "force"
"""Predict whatever the picture shows. In the metadata of an upload it is `x-amz-meta-force`."""

_YES = frozenset({"true", "1", "yes", "on", ""})
_NO = frozenset({"false", "0", "no", "off"})


def is_wanted(option: str, value: Any) -> bool:
    """Read an option: a text (true/false, 1/0, yes/no, on/off, empty as in a bare `?option`), a JSON boolean, or None
    where it is absent. Raises MalformedRequest on anything else."""
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
