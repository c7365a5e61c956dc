"""CSV cells that no spreadsheet reads as a formula. The page has the same rule (`page/cells.js`)."""

import re
from typing import Any, Final

# A formula can start at the beginning of a cell, or after a character that some program reads as the end of a cell.
# Spaces may come first. The last four signs are the full-width forms of the first four, for East Asian spreadsheets.
_FORMULA: Final = re.compile("(\\A|[,;|\t\r\n])([ \u00a0\u3000]*)(?=[=+\\-@\uff1d\uff0b\uff0d\uff20])")


def inert(text: str) -> str:
    """Return the text with an apostrophe before everything that could start a formula, for example in a file name."""
    quoted = _FORMULA.sub(r"\1\2'", text)
    # Some programs drop these characters and read the rest as a formula.
    return f"'{quoted}" if quoted.startswith(("\t", "\r", "\n")) else quoted


def cell(value: Any) -> str:
    """Return a value as text: empty for None, `true` or `false` for a bool, and text without formulas."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return inert(value) if isinstance(value, str) else str(value)
