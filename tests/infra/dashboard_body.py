"""Read the dashboard in a template: the JSON that CloudWatch gets, with references replaced by text."""

import json
from collections.abc import Iterator

from tests.infra.conftest import Json, Synthesised

Metric = tuple[str, str, dict[str, str], Json]
"""Namespace, name, dimensions and options of a metric that a widget reads."""


def dashboard_body(stack: Synthesised) -> Json:
    """Return the body. `{"Ref": X}` and `{"Fn::GetAtt": [X, …]}` inside strings become `<X>`."""
    (dashboard,) = stack.resources("AWS::CloudWatch::Dashboard").values()
    (separator, parts) = dashboard["Properties"]["DashboardBody"]["Fn::Join"]
    body: Json = json.loads(separator.join(part if isinstance(part, str) else _name(part) for part in parts))
    return body


def _name(reference: Json) -> str:
    ((kind, target),) = reference.items()
    return f"<{target if kind == 'Ref' else target[0]}>"


def widgets(stack: Synthesised, kind: str = "metric") -> dict[str, Json]:
    """Return title -> widget, for one type."""
    found = [widget for widget in dashboard_body(stack)["widgets"] if widget["type"] == kind]
    return {widget["properties"].get("title", ""): widget for widget in found}


def metrics_of(widget: Json) -> Iterator[Metric]:
    """Yield (namespace, name, dimensions, options) of each metric that a widget reads."""
    rows = [row for row in widget["properties"].get("metrics", []) if isinstance(row[0], str)]
    for row in rows:
        options = row[-1] if isinstance(row[-1], dict) else {}
        namespace, name, *pairs = [part for part in row if isinstance(part, str)]
        yield namespace, name, dict(zip(pairs[::2], pairs[1::2], strict=True)), options


def expressions_of(widget: Json) -> dict[str, str]:
    """Return label -> expression."""
    rows = [row[0] for row in widget["properties"].get("metrics", []) if isinstance(row[0], dict)]
    return {row["label"]: row["expression"] for row in rows}
