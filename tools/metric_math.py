"""As much of CloudWatch's metric math as the dashboard uses, on arrays, for a picture and for tests."""

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_OPERATORS: Final[Mapping[type[ast.AST], Callable[[Any, Any], Any]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_REPEAT: Final = "REPEAT"


class NotMetricMath(ValueError):
    """An expression that this module does not know."""


def evaluate(expression: str, metrics: Mapping[str, Array]) -> Array:
    """The time series of an expression; `metrics` by their ids, all of one length, NaN where there is no data.

    Raises NotMetricMath.
    """
    length = max((len(values) for values in metrics.values()), default=1)
    with np.errstate(divide="ignore", invalid="ignore"):  # no data, as in CloudWatch
        return np.broadcast_to(_value(_parse(expression), metrics), length).astype(np.float64)


def _parse(expression: str) -> ast.expr:
    try:
        return ast.parse(expression, mode="eval").body
    except SyntaxError:
        raise NotMetricMath(expression) from None


def _value(node: ast.expr, metrics: Mapping[str, Array]) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return np.float64(node.value)
    if isinstance(node, ast.Name) and node.id in metrics:
        return metrics[node.id]
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        return _OPERATORS[type(node.op)](_value(node.left, metrics), _value(node.right, metrics))
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _OPERATORS:
        return _OPERATORS[type(node.ops[0])](_value(node.left, metrics), _value(node.comparators[0], metrics))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return _call(node.func.id, node.args, metrics)
    raise NotMetricMath(ast.unparse(node))


def _call(name: str, arguments: list[ast.expr], metrics: Mapping[str, Array]) -> Any:
    match name, arguments:
        case "FILL", [series, ast.Name(id=filler)] if filler == _REPEAT:
            return _repeat(_value(series, metrics))
        case "FILL", [series, filler]:
            values = _value(series, metrics)
            return np.where(np.isnan(values), _value(filler, metrics), values)
        case "IF", [condition, then, otherwise]:
            return np.where(*(_value(part, metrics) for part in (condition, then, otherwise)))
        case "RUNNING_SUM", [series]:
            length = max((len(values) for values in metrics.values()), default=1)
            return np.cumsum(np.broadcast_to(_value(series, metrics), length))
        case "TIME_SERIES", [value]:
            return _value(value, metrics)
    raise NotMetricMath(f"{name} with {len(arguments)} arguments")


def _repeat(values: Array) -> Array:
    """Each gap takes the value before it; what comes before the first value stays a gap."""
    last = np.maximum.accumulate(np.where(np.isnan(values), -1, np.arange(len(values))))
    return np.where(last < 0, np.nan, values[last])
