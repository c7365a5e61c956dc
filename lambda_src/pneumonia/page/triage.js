// The three bands of triage in words and shapes, and the caveats that replace them.

export const TRIAGE = {
    likely_normal: {
        words: "Likely normal",
        meaning: "Below the rule-out point.",
        shape: "M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18zM8 12l3 3l5.500-6",
    },
    indeterminate: {
        words: "Indeterminate",
        meaning: "Between the rule-out and rule-in points: the model does not decide.",
        shape: "M12 2.500L21.500 12L12 21.500L2.500 12zM8 12h8",
    },
    likely_pneumonia: {
        words: "Likely pneumonia",
        meaning: "At or above the rule-in point.",
        shape: "M12 3L22 20.500H2zM12 9.500v5M12 17.200v.3",
    },
};

/** Reasons why a result must not be read like one for an image of the trained population. */
export const CAVEATS = {
    forced: {
        words: "Forced",
        meaning:
            "The service refused this image and predicted it only on request. The result may be meaningless: " +
            "do not act on it.",
        shape: "M13 2.500L5 13.500h6l-1 8l8-11h-6z",
    },
    outside: {
        words: "Outside trained population",
        meaning:
            "The image is unlike those the model was trained on. No figure here was measured on such images: " +
            "do not act on this result.",
        shape: "M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18zM5.700 5.700l12.600 12.600",
    },
};

/** Return the key of an answer's caveat; null if the image passed the checks and is like the training images. */
export function caveatOf(answer) {
    if (answer.forced) return "forced";
    return answer.in_training_population === false ? "outside" : null;
}

/** Return the group in which an image is counted and filtered: a caveat, a triage, "failed" or "pending". */
export function groupOf(image) {
    if (image.state === "failed") return "failed";
    if (image.state !== "done") return "pending";
    return caveatOf(image.answer) ?? image.answer.triage;
}

/** Return words for a triage value. A value from a newer service is shown without its underscores. */
export const triageWords = (triage) => TRIAGE[triage]?.words ?? triage.replaceAll("_", " ");

/** Return an answer in one line: "Likely normal", or "Forced, likely normal". */
export function verdictWords(answer) {
    const caveat = caveatOf(answer);
    const words = triageWords(answer.triage);
    return caveat === null ? words : `${CAVEATS[caveat].words}, ${words.toLowerCase()}`;
}

/** Return a probability as text. It is never rounded to certainty: 99.97% becomes ">99.9%". */
export function percent(value) {
    if (value > 0.999 && value < 1) return ">99.9%";
    if (value > 0 && value < 0.001) return "<0.1%";
    return `${(100 * value).toFixed(1)}%`;
}
