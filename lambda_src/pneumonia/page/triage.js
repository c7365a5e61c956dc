// The three answers of triage in words, shape and colour (the style sheet colours by class).

import { drawing, element } from "./dom.js";

export const TRIAGE = {
    likely_normal: {
        words: "Likely normal",
        meaning: "Below the rule-out point.",
        shape: "M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18zM8 12l3 3l5.500-6",
    },
    indeterminate: {
        words: "Indeterminate",
        meaning: "Between rule-out and rule-in: the model does not decide.",
        shape: "M12 2.500L21.500 12L12 21.500L2.500 12zM8 12h8",
    },
    likely_pneumonia: {
        words: "Likely pneumonia",
        meaning: "At or above the rule-in point.",
        shape: "M12 3L22 20.500H2zM12 9.500v5M12 17.200v.3",
    },
};

const FAILED = "M7.800 2.800h8.400l5 5v8.400l-5 5H7.800l-5-5V7.800zM8.500 8.500l7 7M15.500 8.500l-7 7";

/** Words for a triage value, also for one that a newer service may know and this page does not. */
export const triageWords = (triage) => TRIAGE[triage]?.words ?? triage.replaceAll("_", " ");

/** A chip: shape and words, coloured by triage. */
export function triageChip(triage) {
    const known = TRIAGE[triage];
    return element(
        "span",
        { className: `chip ${known ? triage : ""}` },
        known ? drawing(known.shape, "shape") : null,
        element("span", {}, triageWords(triage)),
    );
}

/** The chip of a film without an answer. */
export function failedChip(words) {
    return element("span", { className: "chip failed" }, drawing(FAILED, "shape"), element("span", {}, words));
}

const percentOf = (value, digits) => `${(100 * value).toFixed(digits)}%`;

/** A probability for people. Never a rounded-up certainty: 99.97% stays ">99.9%". */
export function percent(value) {
    if (value > 0.999 && value < 1) return ">99.9%";
    if (value > 0 && value < 0.001) return "<0.1%";
    return percentOf(value, 1);
}

/** A round share for the ticks of a scale: whole percents. */
export const rate = (value) => percentOf(value, 0);
