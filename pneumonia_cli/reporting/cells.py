"""Text of a CSV cell that no spreadsheet takes for a formula. The page has the same rule (`page/cells.js`)."""

import re
from typing import Any, Final

# At the start of a cell, and after what some program takes for the end of one, with spaces between. The second four are
# the full-width forms of the first, which spreadsheets of East Asia take for the same.
_FORMULA: Final = re.compile("(\\A|[,;|\t\r\n])([ \u00a0\u3000]*)(?=[=+\\-@\uff1d\uff0b\uff0d\uff20])")


def inert(text: str) -> str:
    """A text with an apostrophe before whatever could begin a formula; a file can be named so that it is one."""
    quoted = _FORMULA.sub(r"\1\2'", text)
    # Some programs drop these and look at what follows.
    return f"'{quoted}" if quoted.startswith(("\t", "\r", "\n")) else quoted


def cell(value: Any) -> str:
    """A value as text: nothing for None, true and false as JSON has them, text without formulas."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return inert(value) if isinstance(value, str) else str(value)
