// Texts for CSV cells that no spreadsheet reads as a formula. pneumonia_cli/reporting/cells.py has the same rule.

// A formula can begin at the start of a cell, or after a character that some program reads as the end of a cell.
const FORMULA = /(^|[,;|\t\r\n])([ \u00a0\u3000]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])/g;

/** Return a text with an apostrophe before everything that could begin a formula. */
export function inert(text) {
    const quoted = text.replace(FORMULA, "$1$2'");
    // Some programs drop these characters and read the rest as a formula.
    return /^[\t\r\n]/.test(quoted) ? `'${quoted}` : quoted;
}
