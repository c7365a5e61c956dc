"""What happens to stored data when the stack is destroyed."""

from __future__ import annotations

from aws_cdk import RemovalPolicy

from pneumonia_cli.stack.settings import StackSettings


def removal_policy(settings: StackSettings) -> RemovalPolicy:
    """DESTROY without ``retain_data``; with it all stays, except what a first deployment made that then failed.

    That belongs to no stack and is empty, and the next try would make it again beside it.
    """
    return RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if settings.retain_data else RemovalPolicy.DESTROY
