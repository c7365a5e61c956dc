// The figures measured on the test images for the triage that is shown.

import { percent } from "./triage.js";

let counts = null; // {triage: {normal, pneumonia}}

/** Take the figures of the test images from the model card. */
export function useMeasured(card) {
    counts = card.metrics?.test?.triage ?? null;
}

/**
 * Return sentences with the counts of a triage; none if the card has no counts. For "likely pneumonia", they give the
 * sensitivity and specificity of the rule-in point; for "likely normal", those of the rule-out point.
 * @returns {string[]}
 */
export function measuredWords(triage) {
    const here = counts?.[triage];
    if (!here) return [];
    const [ill, well] = totals(counts);
    const ofIll = `${here.pneumonia} of ${ill} test images with pneumonia`;
    const ofWell = `${here.normal} of ${well} normal ones`;
    if (triage === "likely_pneumonia") {
        const found = rates(ratesAt("rule_in", { triage: counts }));
        return [`${ofIll} and ${ofWell} were called likely pneumonia (${found}).`];
    }
    if (triage === "likely_normal") {
        const found = rates(ratesAt("rule_out", { triage: counts }));
        return [`${ofIll} and ${ofWell} were called likely normal (${found}).`];
    }
    return [`${ofIll} and ${ofWell} were called indeterminate.`];
}

/**
 * Return sensitivity and specificity at an operating point, from the counts if the card has them. The card's own rates
 * have four decimals, and rounding them again can give another figure than the counts.
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
