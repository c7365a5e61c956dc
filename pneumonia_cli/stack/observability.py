"""What of a stack is watched: the setting ``observability``, and the two that decide over it where they are given."""

from __future__ import annotations

from pneumonia_cli.stack.settings import StackSettings


def writes_metrics(settings: StackSettings) -> bool:
    """Whether the functions write metrics of their own, and alarms and dashboard read them."""
    return settings.observability == "full" if settings.metrics is None else settings.metrics


def has_dashboard(settings: StackSettings) -> bool:
    """Whether there is a CloudWatch dashboard."""
    return settings.observability == "full" if settings.dashboard is None else settings.dashboard
