"""Safe output of untrusted text to a terminal: file names, upload keys, texts of a service or a result."""

from rich.text import Text


def printable(text: str, style: str = "") -> Text:
    """Return one line that a terminal shows literally, without interpreting markup or control characters.

    U+FFFD replaces control characters, line breaks, and characters that change the direction of the text.
    """
    return Text("".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text), style=style)
