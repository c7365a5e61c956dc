import numpy as np
import pytest

from tools.metric_math import NotMetricMath, evaluate

NAN = float("nan")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a+b*2", [9, NAN, 23]),
        ("FILL(a,0)", [1, 0, 3]),
        ("FILL(a,REPEAT)", [1, 1, 3]),
        ("FILL(c,REPEAT)", [NAN, 5, 5]),
        ("IF(b>=6, b, 0)", [0, 6, 10]),
        ("IF(b>6, 100*b/FILL(a,0), 0)", [0, 0, 1000 / 3]),
        ("IF(b>5, b/(b-6), 1)", [1, float("inf"), 2.5]),
        ("RUNNING_SUM(b)", [4, 10, 20]),
        ("RUNNING_SUM(TIME_SERIES(2))", [2, 4, 6]),
        ("TIME_SERIES(0.5)", [0.5, 0.5, 0.5]),
    ],
)
def test_expressions(expression: str, expected: list[float]) -> None:
    metrics = {"a": np.array([1, NAN, 3]), "b": np.array([4.0, 6, 10]), "c": np.array([NAN, 5, NAN])}
    np.testing.assert_allclose(evaluate(expression, metrics), expected)


@pytest.mark.parametrize(
    "expression", ["a", "1 +", "x**2", "RATE(b)", "FILL(b)", "b if b else b", "__import__('os')", "b.size", "1 < 2 < 3"]
)
def test_what_is_not_known_is_refused(expression: str) -> None:
    with pytest.raises(NotMetricMath):
        evaluate(expression, {"b": np.array([1.0]), "x": np.array([1.0])})
