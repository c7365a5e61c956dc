// What was measured, on test films, of the very triage that is shown.

import { percent } from "./triage.js";

let counts = null; // {triage: {normal, pneumonia}}

/** Take the figures of the test films from the model card. */
export function useMeasured(card) {
    counts = card.metrics?.test?.triage ?? null;
}

/**
 * Sentences on a triage with its counts; none where the card has no counts of it. Sensitivity and specificity are
 * those of calling a film so: of "likely pneumonia" at the rule-in point, of "likely normal" at the rule-out point.
 * @returns {string[]}
 */
export function measuredWords(triage) {
    const here = counts?.[triage];
    if (!here) return [];
    const all = (kind) => Object.values(counts).reduce((sum, count) => sum + count[kind], 0);
    const [ill, well] = [all("pneumonia"), all("normal")];
    const ofIll = `${here.pneumonia} of ${ill} test films with pneumonia`;
    const ofWell = `${here.normal} of ${well} normal ones`;
    if (triage === "likely_pneumonia") {
        const [found, spared] = [here.pneumonia / ill, 1 - here.normal / well];
        return [`Called likely pneumonia: ${ofIll}, ${ofWell}: ${rates(found, spared)}.`];
    }
    if (triage === "likely_normal") {
        const [found, spared] = [1 - here.pneumonia / ill, here.normal / well];
        return [`Called likely normal: ${ofIll}, ${ofWell}: ${rates(found, spared)}.`];
    }
    return [`Not decided: ${ofIll}, ${ofWell}.`];
}

function rates(sensitivity, specificity) {
    return `sensitivity ${percent(sensitivity)}, specificity ${percent(specificity)}`;
}
