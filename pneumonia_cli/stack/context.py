"""The settings of a deployment, read from the CDK context and checked.

``cdk.json`` holds one default per setting, and ``cdk deploy -c memory_mb=3008`` overrides it.
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

# The keys of feature flags and look-ups of the CDK contain a colon. These two keys of the CDK CLI contain none.
_CDK_OWN_KEYS = frozenset({"acknowledged-issue-numbers", "cli-telemetry"})


class ContextError(ValueError):
    """A context key is missing or unknown, or its value is not allowed. The message names the key."""


def default_context(path: Path = CDK_JSON) -> dict[str, Any]:
    """Return the CDK context of ``cdk.json``: the default of each setting, and the feature flags of the CDK."""
    context: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["context"]
    return context


def default_settings(path: Path = CDK_JSON) -> StackSettings:
    """Return the settings of ``cdk.json``. Raises ContextError, and OSError if the file cannot be read."""
    return settings_of(default_context(path))


def settings_of(context: Mapping[str, Any]) -> StackSettings:
    """Read and check all settings.

    Args:
        context: all context values of the app, including the keys of the CDK.

    Raises:
        ContextError: a key is missing or unknown, a value is not allowed, or two settings contradict each other.
    """
    known = declared(StackSettings)
    for key in context:
        if key not in known and ":" not in key and key not in _CDK_OWN_KEYS:
            raise ContextError(f"Unknown setting '{key}'. Known settings: {', '.join(known)}.")
    values: dict[str, Any] = {}
    for key, item in known.items():
        if key not in context:
            raise ContextError(f"Setting '{key}' is missing. Restore its default in cdk.json.")
        kind, raw = item.metadata["kind"], context[key]
        try:
            values[key] = kind.read(raw)
        except ValueError:
            raise ContextError(
                f"Setting '{key}' is {json.dumps(raw, default=str)}, but must be {kind.allowed}."
            ) from None
    settings = StackSettings(**values)
    for sentence in contradictions(settings):
        raise ContextError(sentence)
    return settings
