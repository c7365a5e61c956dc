// Chips: a shape with words. The style sheet adds a colour by class, which repeats what shape and words say.

import { drawing, element } from "./dom.js";
import { CAVEATS, caveatOf, TRIAGE, triageWords } from "./triage.js";

const FAILED = "M7.800 2.800h8.400l5 5v8.400l-5 5H7.800l-5-5V7.800zM8.500 8.500l7 7M15.500 8.500l-7 7";

/** Return the class that colours a verdict: its caveat, or else its triage. */
export function verdictClass(answer) {
    const caveat = caveatOf(answer);
    if (caveat !== null) return caveat;
    return TRIAGE[answer.triage] ? answer.triage : "";
}

/** Return the chip of an answer: its caveat, or else its triage. */
export function verdictChip(answer) {
    const known = CAVEATS[caveatOf(answer)] ?? TRIAGE[answer.triage];
    return chip(verdictClass(answer), known?.shape, known?.words ?? triageWords(answer.triage));
}

/** Return the triage that is shown below a caveat, without colour; null without a caveat. */
export function underCaveat(answer) {
    if (caveatOf(answer) === null) return null;
    return element("span", { className: "under-caveat" }, triageWords(answer.triage).toLowerCase());
}

/** Return the chip of an image without a result. */
export const failedChip = (words) => chip("failed", FAILED, words);

function chip(className, shape, words) {
    return element(
        "span",
        { className: `chip ${className}` },
        shape ? drawing(shape, "shape") : null,
        element("span", {}, words),
    );
}
