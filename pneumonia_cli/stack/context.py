"""The settings of a deployment, read from the CDK context and checked.

``cdk.json`` holds one default per setting; ``cdk deploy -c memory_mb=3008`` overrides it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pneumonia.declaration import declared
from pneumonia_cli.bundled import CDK_JSON
from pneumonia_cli.stack.contradictions import contradictions
from pneumonia_cli.stack.settings import StackSettings

# Keys that belong to the CDK: feature flags and look-ups all carry a colon; the CLI writes these two without.
_CDK_OWN_KEYS = frozenset({"acknowledged-issue-numbers", "cli-telemetry"})


class ContextError(ValueError):
    """A context key is missing, unknown or has a value that is not allowed; the message names the key."""


def default_context(path: Path = CDK_JSON) -> dict[str, Any]:
    """The CDK context of ``cdk.json``: the default of each setting, and the CDK's own feature flags."""
    context: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["context"]
    return context


def default_settings(path: Path = CDK_JSON) -> StackSettings:
    """The settings as ``cdk.json`` has them. Raises ContextError, and OSError without such a file."""
    return settings_of(default_context(path))


def settings_of(context: Mapping[str, Any]) -> StackSettings:
    """Read and check all settings.

    Args:
        context: every context value of the app, the CDK's own keys among them.

    Raises:
        ContextError: a key is missing, unknown, not allowed, or contradicts another one.
    """
    known = declared(StackSettings)
    for key in context:
        if key not in known and ":" not in key and key not in _CDK_OWN_KEYS:
            raise ContextError(f"Unknown setting '{key}'. Settings are: {', '.join(known)}.")
    values: dict[str, Any] = {}
    for key, item in known.items():
        if key not in context:
            raise ContextError(f"Setting '{key}' is missing: put its default back into cdk.json.")
        kind, raw = item.metadata["kind"], context[key]
        try:
            values[key] = kind.read(raw)
        except ValueError:
            raise ContextError(f"Setting '{key}' is {json.dumps(raw, default=str)}: give {kind.allowed}.") from None
    settings = StackSettings(**values)
    for sentence in contradictions(settings):
        raise ContextError(sentence)
    return settings
