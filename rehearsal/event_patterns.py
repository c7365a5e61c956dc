"""Check event patterns as EventBridge does, and match events against them. moto accepts any filter.

AWS describes the patterns at
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html. Filters that this project
does not use are refused with a message that says so. All functions are pure.
"""

import json
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from rehearsal.models import Refused

MAX_CHARACTERS: Final = 2048
"""The quota of an account for the size of a pattern."""

_COMPARE: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "<": operator.lt, "<=": operator.le, "=": operator.eq, ">=": operator.ge, ">": operator.gt,
}  # fmt: skip
_NOT_REHEARSED: Final = ("cidr", "wildcard", "equals-ignore-case", "$or")
_ABSENT: Final = object()


def check(pattern: Any) -> None:
    """Raise Refused if EventBridge would return InvalidEventPatternException."""
    if not isinstance(pattern, Mapping) or not pattern:
        raise _invalid("Event pattern must be an object with at least one member")
    if len(json.dumps(pattern)) > MAX_CHARACTERS:
        raise _invalid(f"Event pattern is longer than {MAX_CHARACTERS} characters")
    for name, wanted in pattern.items():
        _check_member(name, wanted)


def matches(pattern: Mapping[str, Any], event: Any) -> bool:
    """Return whether an event matches a pattern. `pattern`: one that `check` accepts."""
    return all(_matches_member(wanted, _member(event, name)) for name, wanted in pattern.items())


def _check_member(name: str, wanted: Any) -> None:
    if name in _NOT_REHEARSED:
        raise _invalid(f"{name} is not rehearsed: add it to rehearsal/event_patterns.py")
    if isinstance(wanted, Mapping):
        if not wanted:
            raise _invalid("Empty objects are not allowed")
        for inner, value in wanted.items():
            _check_member(inner, value)
    elif isinstance(wanted, list):
        if not wanted:
            raise _invalid("Empty arrays are not allowed")
        for one in wanted:
            _check_filter(one)
    else:
        raise _invalid(f"'{name}' must be an object or an array")


def _check_filter(one: Any) -> None:
    if isinstance(one, list):
        raise _invalid("Match value must be String, number, true, false, or null")
    if not isinstance(one, Mapping):
        return
    if len(one) != 1:
        raise _invalid("Only one key allowed in match expression")
    ((kind, value),) = one.items()
    if kind in _NOT_REHEARSED:
        raise _invalid(f"{kind} is not rehearsed: add it to rehearsal/event_patterns.py")
    if kind not in _CHECKS:
        raise _invalid(f"Unrecognized match type {kind}")
    if not _CHECKS[kind](value):
        raise _invalid(f"Value of {kind} is not valid: {json.dumps(value)}")


def _is_range(value: Any) -> bool:
    """Return whether the value is a numeric range, such as [">", 0, "<=", 5]."""
    if not isinstance(value, list) or len(value) not in (2, 4):
        return False
    return all(sign in _COMPARE for sign in value[::2]) and all(_is_number(bound) for bound in value[1::2])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_exclusion(value: Any) -> bool:
    if isinstance(value, Mapping):
        return list(value) == ["prefix"] and isinstance(value["prefix"], str)
    values = value if isinstance(value, list) else [value]
    kinds = {str if isinstance(one, str) else float if _is_number(one) else None for one in values}
    return kinds in ({str}, {float})  # no null, no boolean, and not both kinds


_CHECKS: Final[Mapping[str, Callable[[Any], bool]]] = {
    "prefix": lambda value: isinstance(value, str),
    "suffix": lambda value: isinstance(value, str),
    "exists": lambda value: isinstance(value, bool),
    "numeric": _is_range,
    "anything-but": _is_exclusion,
}


def _member(event: Any, name: str) -> Any:
    return event.get(name, _ABSENT) if isinstance(event, Mapping) else _ABSENT


def _matches_member(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, Mapping):
        return all(_matches_member(inner, _member(found, name)) for name, inner in wanted.items())
    return any(_matches_filter(one, found) for one in wanted)


def _matches_filter(one: Any, found: Any) -> bool:
    if isinstance(one, Mapping) and "exists" in one:
        # `exists` works only on leaves, and an object is not a leaf.
        return bool(one["exists"]) == (found is not _ABSENT and not isinstance(found, Mapping))
    if found is _ABSENT or isinstance(found, Mapping):
        return False
    if isinstance(found, list):
        return any(_matches_filter(one, each) for each in found)
    if not isinstance(one, Mapping):
        return _same(one, found)
    ((kind, value),) = one.items()
    if kind == "numeric":
        pairs = zip(value[::2], value[1::2], strict=True)
        return _is_number(found) and all(_COMPARE[sign](found, bound) for sign, bound in pairs)
    if kind == "anything-but":
        if isinstance(value, Mapping):
            return not _matches_filter(value, found)
        return not any(_same(each, found) for each in (value if isinstance(value, list) else [value]))
    return isinstance(found, str) and (found.startswith(value) if kind == "prefix" else found.endswith(value))


def _same(one: Any, other: Any) -> bool:
    """Compare JSON values: 1 equals neither true nor "1"."""
    return type(one) is type(other) and bool(one == other)


def _invalid(reason: str) -> Refused:
    return Refused(f"InvalidEventPatternException: Event pattern is not valid. Reason: {reason}")
