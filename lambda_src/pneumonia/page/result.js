// What the service says of the chosen film, or why it says nothing.

import { byId, element } from "./dom.js";
import { explain } from "./messages.js";
import { drawScale } from "./scale.js";
import { readAs, warningWords } from "./reading.js";
import { failedChip, percent, TRIAGE, triageChip } from "./triage.js";

const WAITING = {
    waiting: "Waiting for its turn.",
    sending: "On its way to the service.",
    predicting: "The service is looking at it.",
};

const panel = byId("result");

/** Nothing chosen. */
export function showNothing() {
    panel.replaceChildren(
        element("p", { className: "dim" }, "Add a film to see its triage, its probability and a heatmap."),
    );
}

/** The film's answer, its failure, or where it is; `retry` is called with a film to send again, and with
 * {force: true} to have it answered whatever it shows. */
export function showResult(film, points, retry) {
    const name = element("p", { className: "result-name" }, film.file.name);
    if (film.state === "done") panel.replaceChildren(name, ...answerParts(film.answer, points));
    else if (film.state === "failed") panel.replaceChildren(name, ...failureParts(film, retry));
    else panel.replaceChildren(name, element("p", { className: "dim" }, WAITING[film.state]));
}

function answerParts(answer, points) {
    const { pneumonia, triage, label, threshold, model, request_id: reference } = answer;
    return [
        element("div", { className: `verdict ${TRIAGE[triage] ? triage : ""}` }, triageChip(triage)),
        element(
            "p",
            { className: "probability" },
            element("strong", {}, percent(pneumonia)),
            " probability of pneumonia",
        ),
        drawScale(pneumonia, points),
        element("p", { className: "meaning" }, `${TRIAGE[triage]?.meaning ?? ""} A radiologist must read this film.`),
        ...(answer.image.warnings ?? []).map((code) => element("p", { className: "advice" }, warningWords(code))),
        details([
            ["Read as", readAs(answer.image)],
            [`At the balanced point (${percent(threshold)})`, label],
            ["Model", `${model.name} ${model.version}`],
            ["Reference", reference],
        ]),
    ];
}

function failureParts(film, retry) {
    const { title, advice, detail, reference, retry: again, force } = explain(film.failure);
    const parts = [
        element("div", { className: "verdict failed" }, failedChip(title)),
        advice && element("p", { className: "advice" }, advice),
        detail && element("p", { className: "dim small" }, `The service says: ${detail}`),
        details([
            ["Error", film.failure.code],
            ["Reference", reference],
        ]),
        again && element("button", { type: "button", className: "primary", onclick: () => retry(film) }, "Try again"),
        force &&
            element(
                "button",
                { type: "button", className: "primary", onclick: () => retry(film, { force: true }) },
                "Predict all the same",
            ),
    ];
    return parts.filter(Boolean);
}

function details(pairs) {
    const given = pairs.filter(([, value]) => value !== undefined && value !== "");
    return element(
        "dl",
        { className: "details" },
        ...given.map(([term, value]) => element("div", {}, element("dt", {}, term), element("dd", {}, value))),
    );
}
