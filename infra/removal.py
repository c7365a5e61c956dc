"""What happens to stored data when the stack is destroyed."""

from __future__ import annotations

from aws_cdk import RemovalPolicy

from pneumonia_cli.stack.settings import StackSettings


def removal_policy(settings: StackSettings) -> RemovalPolicy:
    """RETAIN when ``retain_data`` is set, else DESTROY."""
    return RemovalPolicy.RETAIN if settings.retain_data else RemovalPolicy.DESTROY
