// Text of a CSV cell that no spreadsheet takes for a formula: the rule of pneumonia_cli/reporting/cells.py.

// At the start of a cell, and after what some program takes for the end of one, with spaces between.
const FORMULA = /(^|[,;|\t\r\n])([ \u00a0\u3000]*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])/g;

/** A text with an apostrophe before whatever could begin a formula. */
export function inert(text) {
    const quoted = text.replace(FORMULA, "$1$2'");
    // Some programs drop these and look at what follows.
    return /^[\t\r\n]/.test(quoted) ? `'${quoted}` : quoted;
}
