// The probability drawn on a scale with the operating points that cut it into three.
//
// The scale is even in log-odds, as the model's own score is: on an even scale of percents a rule-in point of
// 96% would leave its part of the bar too thin to be seen. Ticks tell the percents.

import { element } from "./dom.js";
import { percent, rate } from "./triage.js";

const ENDS = 0.002; // the scale goes from this probability to 1 - this
const TICKS = [0.01, 0.1, 0.5, 0.9, 0.99];
const LABEL_WIDTH = 0.36; // of the bar, at the width it has beside the viewer

/**
 * @param {number} probability 0..1
 * @param {{rule_out: number, balanced: number, rule_in: number}} points thresholds, rising
 */
export function drawScale(probability, points) {
    const said =
        `Probability of pneumonia ${percent(probability)}. Rule-out point ${percent(points.rule_out)}, ` +
        `balanced point ${percent(points.balanced)}, rule-in point ${percent(points.rule_in)}.`;
    const low = place(points.rule_out);
    const high = place(points.rule_in);
    const bar = element(
        "div",
        { className: "bar" },
        zone("likely_normal", 0, low),
        zone("indeterminate", low, high),
        zone("likely_pneumonia", high, 1),
        at(element("i", { className: "point" }), place(points.balanced)),
        at(element("b", { className: "marker" }), place(probability)),
    );
    // Away from each other where there is room for that.
    const lowSide = low > LABEL_WIDTH ? "left" : "right";
    const highSide = high < 1 - LABEL_WIDTH ? "right" : "left";
    const ruleOut = label(`rule out < ${percent(points.rule_out)}`, low, lowSide);
    const ruleIn = label(`rule in ≥ ${percent(points.rule_in)}`, high, highSide);
    const meet = lowSide === "left" && highSide === "right" ? false : high - low < labelsBetween(lowSide, highSide);
    return element(
        "div",
        { className: "scale", attributes: { role: "img" }, aria: { label: said } },
        row(label(`balanced ${percent(points.balanced)}`, place(points.balanced), "middle")),
        bar,
        element(
            "div",
            { className: "ticks" },
            ...TICKS.map((tick) => at(element("span", {}, rate(tick)), place(tick))),
        ),
        ...(meet ? [row(ruleOut), row(ruleIn)] : [row(ruleOut, ruleIn)]),
    );
}

const labelsBetween = (lowSide, highSide) => LABEL_WIDTH * ((lowSide === "right") + (highSide === "left"));

/** Where a probability lies on the bar, 0..1. */
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

const label = (words, position, side) => at(element("span", { className: `label ${side}` }, words), position);

const row = (...labels) => element("div", { className: "labels" }, ...labels);

function at(made, position) {
    made.style.left = `${100 * position}%`;
    return made;
}
