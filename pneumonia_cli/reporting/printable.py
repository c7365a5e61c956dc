"""Text of unknown origin on a terminal: names of files, keys of uploads, what a service or a result says."""

from rich.text import Text


def printable(text: str, style: str = "") -> Text:
    """One line that is neither markup nor steers the terminal.

    Control characters, line breaks, and characters that change the direction of the text are each replaced by a sign.
    """
    return Text("".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text), style=style)
