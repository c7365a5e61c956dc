"""The common form of the dashboard's graphs."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_cloudwatch as cloudwatch

THIRD = 8
QUARTER = 6
"""Widths in columns. A dashboard has 24 columns."""


def graph(
    title: str,
    lines: Sequence[cloudwatch.IMetric],
    *,
    limit: tuple[str, float] | None = None,
    stacked: bool = False,
    width: int = THIRD,
    y_max: float | None = None,
) -> cloudwatch.GraphWidget:
    """Return a graph of lines over time, from zero. `limit`: name and value of a red line, such as a threshold."""
    annotations = []
    if limit is not None:
        label, value = limit
        annotations.append(cloudwatch.HorizontalAnnotation(value=value, label=label, color=cloudwatch.Color.RED))
    return cloudwatch.GraphWidget(
        title=title,
        left=list(lines),
        left_annotations=annotations,
        left_y_axis=cloudwatch.YAxisProps(min=0, max=y_max, show_units=False),
        stacked=stacked,
        width=width,
        height=6,
    )
