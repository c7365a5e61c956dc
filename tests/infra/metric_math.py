"""Evaluate CloudWatch metric math on single values instead of time series."""

from collections.abc import Mapping

import numpy as np

NO_DATA = float("nan")

# A series of one value is its own running sum, and REPEAT has no earlier value to repeat.
FUNCTIONS = {
    "FILL": lambda value, filler: filler if np.isnan(value) else value,
    "IF": lambda condition, then, otherwise: then if condition else otherwise,
    "REPEAT": NO_DATA,
    "RUNNING_SUM": lambda value: value,
    "TIME_SERIES": lambda value: value,
}


def metric_math(expression: str, values: Mapping[str, float | None]) -> float:
    """Evaluate an expression whose metrics have these values; None is a metric without data.

    Arithmetic and comparisons are written as in Python. Raise NameError for an unknown function.
    """
    metrics = {name: np.float64(NO_DATA if value is None else value) for name, value in values.items()}
    with np.errstate(divide="ignore", invalid="ignore"):  # IF computes both results; the unused one may be 0/0
        return float(eval(expression, {"__builtins__": {}}, FUNCTIONS | metrics))  # noqa: S307 - from the project's template
