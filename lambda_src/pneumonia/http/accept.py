"""Choose the media type of a response from the Accept header (RFC 9110, 12.5.1; PS3.18, 8.7.5)."""

from collections.abc import Sequence

from pneumonia.errors import NotAcceptable

_MOST_RANGES = 32


def chosen(accept: str, offered: Sequence[str]) -> str:
    """Return the media type in `offered` that the caller prefers.

    If several types are preferred equally, or without a header, the first one is returned. The types in `offered` have
    no parameters. Invalid media ranges in the header are ignored, as the standard says. Raises NotAcceptable.
    """
    if not accept.strip():
        return offered[0]
    ranges = [_read(text) for text in accept.split(",")[:_MOST_RANGES]]
    weights = [_weight(ranges, name) for name in offered]
    best = max(weights)
    if best <= 0:
        raise NotAcceptable(
            f"The response is available as {', '.join(offered)}. Name one of them in Accept, or send */*."
        )
    return offered[weights.index(best)]


def _read(text: str) -> tuple[str, float]:
    """Return a media range without its parameters, and its weight from 0 to 1."""
    # Imported here to keep cold starts short: few callers send Accept with several types.
    from email.message import Message

    message = Message()
    message["Content-Type"] = text.strip()
    try:
        weight = float(str(message.get_param("q", "1")))
    except ValueError:
        weight = 0.0
    return text.partition(";")[0].strip().lower(), weight if 0 <= weight <= 1 else 0.0


def _weight(ranges: Sequence[tuple[str, float]], offered: str) -> float:
    """Return the weight of the most specific media range that includes a media type."""
    for name in (offered, f"{offered.partition('/')[0]}/*", "*/*"):
        found = [weight for given, weight in ranges if given == name]
        if found:
            return max(found)
    return 0.0
