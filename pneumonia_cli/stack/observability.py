"""Evaluate the setting ``observability``, which the settings ``metrics`` and ``dashboard`` override."""

from __future__ import annotations

from pneumonia_cli.stack.settings import StackSettings


def writes_metrics(settings: StackSettings) -> bool:
    """Return whether the functions write custom metrics, which alarms and the dashboard read."""
    return settings.observability == "full" if settings.metrics is None else settings.metrics


def has_dashboard(settings: StackSettings) -> bool:
    """Return whether there is a CloudWatch dashboard."""
    return settings.observability == "full" if settings.dashboard is None else settings.dashboard
