"""As much of CloudWatch's metric math as the stack uses, for single values in place of time series."""


def metric_math(expression, values):
    """Evaluate an expression whose metrics have these values; None is a metric without data."""
    functions = {
        "IF": lambda condition, then, otherwise: then if condition else otherwise,
        "FILL": lambda value, filler: filler if value is None else value,
        "RUNNING_SUM": lambda value: value,
        "TIME_SERIES": lambda value: value,
        "REPEAT": 0.0,
    }

    # IF is no branch here: what it does not take is reckoned as well, and may divide by nothing.
    guarded = {name: Number(value) if value is not None else None for name, value in values.items()}
    return float(eval(expression, {"__builtins__": {}}, functions | guarded))  # noqa: S307 - of our own template


class Number(float):
    """A float whose sums stay such numbers, and whose division by zero is no error but not a number."""

    def __add__(self, other):
        return Number(float(self) + float(other))

    __radd__ = __add__

    def __mul__(self, other):
        return Number(float(self) * float(other))

    __rmul__ = __mul__

    def __truediv__(self, other):
        return Number(float(self) / float(other)) if other else Number("nan")
