"""Which media type an answer may have, by the header Accept (RFC 9110, 12.5.1; PS3.18, 8.7.5)."""

from collections.abc import Sequence

from pneumonia.errors import NotAcceptable

_MOST_RANGES = 32


def chosen(accept: str, offered: Sequence[str]) -> str:
    """The one of `offered` that the caller likes best; without a header, and among equals, the first of them.

    Media types are offered without parameters. Ranges that cannot be read are ignored, as the standard says.
    Raises NotAcceptable.
    """
    if not accept.strip():
        return offered[0]
    ranges = [_read(text) for text in accept.split(",")[:_MOST_RANGES]]
    weights = [_weight(ranges, name) for name in offered]
    best = max(weights)
    if best <= 0:
        raise NotAcceptable(f"The answer comes as {', '.join(offered)}. Name one of them in Accept, or */*.")
    return offered[weights.index(best)]


def _read(text: str) -> tuple[str, float]:
    """A range without its parameters, and how much it is wanted, from 0 to 1."""
    # Imported here, for the sake of the cold start: few callers name more than one type.
    from email.message import Message

    message = Message()
    message["Content-Type"] = text.strip()
    try:
        weight = float(str(message.get_param("q", "1")))
    except ValueError:
        weight = 0.0
    return text.partition(";")[0].strip().lower(), weight if 0 <= weight <= 1 else 0.0


def _weight(ranges: Sequence[tuple[str, float]], offered: str) -> float:
    """How much a media type is wanted: the most specific range that it is in decides."""
    for name in (offered, f"{offered.partition('/')[0]}/*", "*/*"):
        found = [weight for given, weight in ranges if given == name]
        if found:
            return max(found)
    return 0.0
