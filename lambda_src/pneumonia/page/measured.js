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
    const [ill, well] = totals(counts);
    const ofIll = `${here.pneumonia} of ${ill} test films with pneumonia`;
    const ofWell = `${here.normal} of ${well} normal ones`;
    if (triage === "likely_pneumonia") {
        return [`Called likely pneumonia: ${ofIll}, ${ofWell}: ${rates(ratesAt("rule_in", { triage: counts }))}.`];
    }
    if (triage === "likely_normal") {
        return [`Called likely normal: ${ofIll}, ${ofWell}: ${rates(ratesAt("rule_out", { triage: counts }))}.`];
    }
    return [`Not decided: ${ofIll}, ${ofWell}.`];
}

/**
 * Sensitivity and specificity at an operating point. Those of the card are rounded to four decimals, and rounding them
 * again can show another figure than the counts give. So the counts decide where the card has them.
 * @param {"rule_out"|"balanced"|"rule_in"} point
 * @param {object} test - `metrics.test` of the model card
 */
export function ratesAt(point, { triage, confusion, operating_points }) {
    if (triage && point === "rule_in") {
        const [ill, well] = totals(triage);
        const { pneumonia, normal } = triage.likely_pneumonia;
        return { sensitivity: pneumonia / ill, specificity: 1 - normal / well };
    }
    if (triage && point === "rule_out") {
        const [ill, well] = totals(triage);
        const { pneumonia, normal } = triage.likely_normal;
        return { sensitivity: 1 - pneumonia / ill, specificity: normal / well };
    }
    if (confusion && point === "balanced") {
        const { tn, fp, fn, tp } = confusion;
        return { sensitivity: tp / (tp + fn), specificity: tn / (tn + fp) };
    }
    return operating_points[point];
}

function totals(triage) {
    return ["pneumonia", "normal"].map((kind) => Object.values(triage).reduce((sum, count) => sum + count[kind], 0));
}

function rates({ sensitivity, specificity }) {
    return `sensitivity ${percent(sensitivity)}, specificity ${percent(specificity)}`;
}
