// Chips: a shape and words. The style sheet colours them by class; shape and words alone say the same.

import { drawing, element } from "./dom.js";
import { CAVEATS, caveatOf, TRIAGE, triageWords } from "./triage.js";

const FAILED = "M7.800 2.800h8.400l5 5v8.400l-5 5H7.800l-5-5V7.800zM8.500 8.500l7 7M15.500 8.500l-7 7";

/** The class by which a verdict is coloured: a caveat takes the place of the triage. */
export function verdictClass(answer) {
    const caveat = caveatOf(answer);
    if (caveat !== null) return caveat;
    return TRIAGE[answer.triage] ? answer.triage : "";
}

/** The chip of an answer: its caveat if it has one, else its triage. */
export function verdictChip(answer) {
    const known = CAVEATS[caveatOf(answer)] ?? TRIAGE[answer.triage];
    return chip(verdictClass(answer), known?.shape, known?.words ?? triageWords(answer.triage));
}

/** What the model says below a caveat, without colour; null where the chip says it. */
export function underCaveat(answer) {
    if (caveatOf(answer) === null) return null;
    return element("span", { className: "under-caveat" }, triageWords(answer.triage).toLowerCase());
}

/** The chip of a film without an answer. */
export const failedChip = (words) => chip("failed", FAILED, words);

function chip(className, shape, words) {
    return element(
        "span",
        { className: `chip ${className}` },
        shape ? drawing(shape, "shape") : null,
        element("span", {}, words),
    );
}
