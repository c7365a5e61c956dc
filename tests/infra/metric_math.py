"""Metric math for single values in place of time series."""

import numpy as np

from tools.metric_math import evaluate


def metric_math(expression, values):
    """Evaluate an expression whose metrics have these values; None is a metric without data."""
    series = {name: np.array([np.nan if value is None else value], dtype=float) for name, value in values.items()}
    (result,) = evaluate(expression, series)
    return float(result)
