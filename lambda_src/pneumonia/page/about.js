// The model in use, its measured figures and its limits.

import { byId, element } from "./dom.js";
import { ratesAt } from "./measured.js";
import { percent } from "./triage.js";

const HEADINGS = ["Point", "Threshold", "Sensitivity", "Specificity"];
const POINTS = { rule_out: "Rule out", balanced: "Balanced", rule_in: "Rule in" };

/** Show name and version of the model, notice and limits. The service returns these without a token. */
export function showConfig({ model, notice, limits }) {
    byId("standing-model").textContent = `Model: ${model.name} ${model.version}`;
    byId("notice").textContent = notice;
    byId("limits").replaceChildren(...limits.map((limit) => element("li", {}, limit)));
}

/** Show the figures of the model card, measured on images that were not used for training. */
export function showMeasured(card) {
    const test = card.metrics?.test;
    byId("legend-meaning").textContent = heatWords(card);
    if (!test?.operating_points) return;
    byId("measured").replaceChildren(
        element(
            "table",
            { className: "figures" },
            element(
                "caption",
                {},
                `Measured on ${test.films} test images, not on yours. ` +
                    "The thresholds apply to probabilities at a prevalence of 50%.",
            ),
            element("thead", {}, element("tr", {}, ...HEADINGS.map(heading))),
            element("tbody", {}, ...Object.entries(POINTS).map(([name, words]) => figures(words, card, test, name))),
        ),
    );
}

/** Return what the strongest colour means, and how much of the heat is in the lungs. */
function heatWords({ heatmap, metrics }) {
    const said = ["All images use the same scale."];
    if (heatmap?.quantile) {
        said.push(
            `${rate(1 - heatmap.quantile)} of training images with pneumonia reach the strongest colour somewhere.`,
        );
    }
    const lungs = metrics?.heatmap?.lungs;
    if (lungs) {
        said.push(
            `In ${lungs.films} test images with pneumonia, ${rate(lungs.heat_in_lungs)} of the heat lay in the lungs.`,
        );
    }
    return said.join(" ");
}

const rate = (share) => `${Math.round(100 * share)}%`;

function figures(words, card, test, name) {
    const { sensitivity, specificity } = ratesAt(name, test);
    const cells = [card.operating_points[name].threshold, sensitivity, specificity];
    return element(
        "tr",
        {},
        element("th", { scope: "row" }, words),
        ...cells.map((value) => element("td", { className: "number" }, percent(value))),
    );
}

const heading = (words, column) => element("th", { scope: "col", className: column > 0 ? "number" : "" }, words);
