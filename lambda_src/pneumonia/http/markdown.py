"""Convert the Markdown of a model card to HTML.

Only the Markdown that `make evaluate` writes is supported: headings, paragraphs, lists, tables, quotations, `code`,
**bold** and links. Text is escaped, so a card cannot add HTML tags. Pictures are omitted, because the function's
container image does not include them.
"""

import html
import itertools
import re
from collections.abc import Iterator

_PICTURE = re.compile(r"!\[[^\]]*\]\([^)]*\)")
_MARKS = (
    (re.compile(r"`([^`]+)`"), r"<code>\1</code>"),
    (re.compile(r"\*\*(.+?)\*\*"), r"<strong>\1</strong>"),
    (re.compile(r"\[([^\]]+)\]\((https://[^)\s]+)\)"), r'<a href="\2" rel="noopener noreferrer">\1</a>'),
)
_HEADING = re.compile(r"(#{1,4}) (.+)")
_RULE = re.compile(r"\|[-| :]+\|")
_LISTED = "- "
_QUOTED = "> "


def to_html(text: str) -> str:
    """Return the HTML of the text, without a surrounding document."""
    lines = (line.rstrip() for line in text.splitlines())
    blocks = (list(block) for full, block in itertools.groupby(lines, key=bool) if full)
    return "\n".join(part for block in blocks for part in _block(block))


def _block(lines: list[str]) -> Iterator[str]:
    """Yield the HTML of a block: lines without an empty one between them."""
    heading = _HEADING.fullmatch(lines[0])
    if heading is not None:
        level = len(heading[1])
        yield f"<h{level}>{_marked(heading[2])}</h{level}>"
        if lines[1:]:
            yield from _block(lines[1:])
    elif lines[0].startswith("<!--") and lines[-1].endswith("-->"):
        return  # notes for editors
    elif lines[0].startswith("|"):
        yield from _table(lines)
    elif lines[0].startswith(_LISTED):
        items = "\n".join(lines).removeprefix(_LISTED).split(f"\n{_LISTED}")
        yield "<ul>" + "".join(f"<li>{_marked(item)}</li>" for item in items) + "</ul>"
    elif lines[0].startswith(_QUOTED):
        yield f"<blockquote><p>{_marked(' '.join(line.removeprefix(_QUOTED) for line in lines))}</p></blockquote>"
    else:
        yield f"<p>{_marked(' '.join(lines))}</p>"


def _table(lines: list[str]) -> Iterator[str]:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if not _RULE.fullmatch(line)]
    rows = [row for row in ([_PICTURE.sub("", cell) for cell in row] for row in rows) if any(row)]
    if not rows:
        return
    head, *body = rows
    columns = "".join(f'<th scope="col">{_marked(cell)}</th>' if cell else "<td></td>" for cell in head)
    filled = "".join("<tr>" + "".join(f"<td>{_marked(cell)}</td>" for cell in row) + "</tr>" for row in body)
    named = html.escape(", ".join(filter(None, head)).replace("`", ""))
    yield (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{named}">'
        f"<table><thead><tr>{columns}</tr></thead><tbody>{filled}</tbody></table></div>"
    )


def _marked(text: str) -> str:
    made = html.escape(_PICTURE.sub("", text), quote=False)
    for pattern, tags in _MARKS:
        made = pattern.sub(tags, made)
    return made
