// The probability on a scale that the two operating points divide into three zones.
//
// The scale is linear in log-odds, like the model's score. On a linear scale of percents, the zone above a rule-in
// point of 96% would be too thin to see. Another prevalence shifts all log-odds equally: zones and marker stay, and
// only the ticks move.

import { element } from "./dom.js";
import { atPrevalence, calibratedPrevalence, prevalence, shown } from "./prevalence.js";
import { percent } from "./triage.js";

const ENDS = 0.002; // the scale goes from this calibrated probability to 1 - this
const TICKS = [0.0001, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999];
const MARGIN = 0.03; // share of the bar: the label of a tick nearer to an end would not fit

/**
 * Draw the scale.
 * @param {number} probability 0..1, calibrated like the thresholds
 * @param {{rule_out: number, rule_in: number}} points thresholds, rising
 * @param {boolean} known false removes the colours, because the triage must not be read from them
 */
export function drawScale(probability, points, known) {
    const ruleOut = percent(shown(points.rule_out));
    const ruleIn = percent(shown(points.rule_in));
    const said =
        `Probability of pneumonia ${percent(shown(probability))}. ` +
        `Likely normal below ${ruleOut}, likely pneumonia from ${ruleIn}.`;
    const low = place(points.rule_out);
    const high = place(points.rule_in);
    return element(
        "div",
        { className: `scale ${known ? "" : "unknown"}`, attributes: { role: "img" }, aria: { label: said } },
        element(
            "div",
            { className: "bar" },
            zone("likely_normal", 0, low),
            zone("indeterminate", low, high),
            zone("likely_pneumonia", high, 1),
            at(element("b", { className: "marker" }), place(probability)),
        ),
        element("div", { className: "ticks" }, ...ticks()),
        element(
            "div",
            { className: "labels" },
            element("span", { className: "label" }, `normal below ${ruleOut}`),
            element("span", { className: "label" }, `pneumonia from ${ruleIn}`),
        ),
    );
}

function ticks() {
    return TICKS.map((tick) => [tick, place(atPrevalence(tick, prevalence(), calibratedPrevalence()))])
        .filter(([, position]) => position > MARGIN && position < 1 - MARGIN)
        .map(([tick, position]) => at(element("span", {}, `${Number((100 * tick).toPrecision(3))}%`), position));
}

/** Return the position of a calibrated probability on the bar, 0..1. */
function place(probability) {
    const within = Math.min(1 - ENDS, Math.max(ENDS, probability));
    const end = logit(1 - ENDS);
    return (logit(within) + end) / (2 * end);
}

const logit = (probability) => Math.log(probability / (1 - probability));

function zone(triage, from, to) {
    const made = at(element("span", { className: `zone ${triage}` }), from);
    made.style.width = `${100 * (to - from)}%`;
    return made;
}

function at(made, position) {
    made.style.left = `${100 * position}%`;
    return made;
}
