"""The markers of figures in a document: two comments, which neither GitHub nor the built site shows.

    On the <!-- figure: test.films -->624<!-- /figure --> images of the test split

If the opening marker is alone on its line, the figure is a block of lines.
"""

import re
from collections.abc import Mapping

_BEGIN, _END = re.compile(r"<!-- figure: ([\w.-]+) -->"), "<!-- /figure -->"
_BREAKS = re.compile(rf"^[ >*-]*{_BEGIN.pattern}.", re.M)
"""Matches an inline figure at the start of a line. Markdown would read its comment as a block and end the paragraph."""

_FIGURE = re.compile(rf"({_BEGIN.pattern})(.*?)({re.escape(_END)})", re.DOTALL)


class UnknownFigure(ValueError):
    """A document names an unknown figure, has unpaired markers, or has a marker at the start of a text line."""


def names(document: str) -> set[str]:
    """Return the figures that a document names."""
    return set(_BEGIN.findall(document))


def filled(document: str, figures: Mapping[str, str]) -> str:
    """Return the document with the text of every figure. Raises UnknownFigure."""
    if unknown := names(document) - figures.keys():
        raise UnknownFigure(f"No source has the figures {sorted(unknown)}.")

    if breaks := _BREAKS.search(document):
        raise UnknownFigure(f"The figure {breaks[1]} begins a line: move the word before it there.")

    def text(found: re.Match[str]) -> str:
        begin, name, inside, end = found.groups()
        if _BEGIN.search(inside):
            raise UnknownFigure(f"The figure {name} has no end marker.")
        value = figures[name]
        return f"{begin}\n{value}\n{end}" if inside.startswith("\n") else f"{begin}{value}{end}"

    if len(_BEGIN.findall(document)) != document.count(_END):
        raise UnknownFigure("Each figure needs one begin marker and one end marker.")
    return _FIGURE.sub(text, document)
