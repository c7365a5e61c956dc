"""Turn the schemas of the API into table rows: the name of each member, its type in words, and its meaning."""

from collections.abc import Iterator
from typing import Any

from markupsafe import Markup

Schema = dict[str, Any]


def rows(schema: Schema, prefix: str = "") -> Iterator[tuple[str, Markup, str]]:
    """Yield the name, type (HTML) and description of every member. Inner members are named `outer.inner`."""
    required = schema.get("required", ())
    for name, member in schema.get("properties", {}).items():
        optional = "" if name in required else Markup("; optional")
        yield f"{prefix}{name}", type_words(member) + optional, member.get("description", "")
        yield from rows(_inside(member), f"{prefix}{name}.")


def type_words(schema: Schema) -> Markup:
    """Return the type in words, such as "number from 0 to 1" or "string or null". A named schema becomes a link."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return Markup('<a href="#schema-{0}">{0}</a>').format(name)
    for choice in ("anyOf", "oneOf"):
        if choice in schema:
            return Markup(" or ").join(type_words(each) for each in schema[choice])
    if "const" in schema:
        return Markup("<code>{}</code>").format(schema["const"])
    if "enum" in schema:
        return Markup(", ").join(Markup("<code>{}</code>").format(_json_word(each)) for each in schema["enum"])
    kinds = schema.get("type", "object")
    if kinds == "array":
        return Markup("array of ") + type_words(schema["items"])
    return Markup(" or ").join([kinds] if isinstance(kinds, str) else kinds) + _bounds(schema)


def _bounds(schema: Schema) -> str:
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is None:
        return ""
    return f" from {low}" if high is None else f" from {low} to {high}"


def _inside(schema: Schema) -> Schema:
    """Return the schema of a member that is or may be an object; empty for other types."""
    return next((each for each in (schema, *schema.get("anyOf", ())) if "properties" in each), {})


def _json_word(value: Any) -> str:
    return "null" if value is None else str(value)
