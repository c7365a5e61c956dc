// The three answers of triage in words and shapes, and when they must not be read by their colour.

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

/** Why an answer must not be read as one about a film like those the model knows. */
export const CAVEATS = {
    forced: {
        words: "Forced",
        meaning:
            "The service refused this film, and was made to answer. What follows may mean nothing: do not act on it.",
        shape: "M13 2.500L5 13.500h6l-1 8l8-11h-6z",
    },
    outside: {
        words: "Outside trained population",
        meaning:
            "The film is unlike those the model was trained on. No figure here was measured on such films: " +
            "do not act on it.",
        shape: "M12 3a9 9 0 1 0 0 18a9 9 0 0 0 0-18zM5.700 5.700l12.600 12.600",
    },
};

/** The key of the caveat of an answer; null for a film like those of the training that passed the checks. */
export function caveatOf(answer) {
    if (answer.forced) return "forced";
    return answer.in_training_population === false ? "outside" : null;
}

/** In which group a film is counted and filtered: a caveat, a triage, "failed" or "pending". */
export function groupOf(film) {
    if (film.state === "failed") return "failed";
    if (film.state !== "done") return "pending";
    return caveatOf(film.answer) ?? film.answer.triage;
}

/** Words for a triage value, also for one that a newer service may know and this page does not. */
export const triageWords = (triage) => TRIAGE[triage]?.words ?? triage.replaceAll("_", " ");

/** An answer in one line: "Likely normal", or "Forced, likely normal". */
export function verdictWords(answer) {
    const caveat = caveatOf(answer);
    const words = triageWords(answer.triage);
    return caveat === null ? words : `${CAVEATS[caveat].words}, ${words.toLowerCase()}`;
}

/** A probability for people. Never a rounded-up certainty: 99.97% stays ">99.9%". */
export function percent(value) {
    if (value > 0.999 && value < 1) return ">99.9%";
    if (value > 0 && value < 0.001) return "<0.1%";
    return `${(100 * value).toFixed(1)}%`;
}
