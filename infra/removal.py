"""The removal policy of stored data."""

from __future__ import annotations

from aws_cdk import RemovalPolicy

from pneumonia_cli.stack.settings import StackSettings


def removal_policy(settings: StackSettings) -> RemovalPolicy:
    """Return DESTROY without ``retain_data``, otherwise RETAIN_ON_UPDATE_OR_DELETE.

    The latter retains everything except the resources of a failed first deployment. These resources are empty and
    belong to no stack, and the next try creates them again.
    """
    return RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if settings.retain_data else RemovalPolicy.DESTROY
