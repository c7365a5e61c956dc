// What was measured, on test films, of the very triage that is shown.

import { percent } from "./triage.js";

let counts = null; // {triage: {normal, pneumonia}}
let points = {}; // {rule_in: {sensitivity, specificity}, rule_out: ...}

/** Take the figures of the test films from the model card. */
export function useMeasured(card) {
    counts = card.metrics?.test?.triage ?? null;
    points = card.metrics?.test?.operating_points ?? {};
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
    const ofIll = `${here.pneumonia} of ${all("pneumonia")} test films with pneumonia`;
    const ofWell = `${here.normal} of ${all("normal")} normal ones`;
    if (triage === "likely_pneumonia") return [`Called likely pneumonia: ${ofIll}, ${ofWell}${at("rule_in")}.`];
    if (triage === "likely_normal") return [`Called likely normal: ${ofIll}, ${ofWell}${at("rule_out")}.`];
    return [`Not decided: ${ofIll}, ${ofWell}.`];
}

function at(point) {
    const figures = points[point];
    if (!figures) return "";
    return `: sensitivity ${percent(figures.sensitivity)}, specificity ${percent(figures.specificity)}`;
}
