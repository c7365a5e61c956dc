// The result of the chosen image, or the reason why there is none.

import { failedChip, verdictChip, verdictClass } from "./chips.js";
import { byId, element } from "./dom.js";
import { feedbackPart } from "./feedback.js";
import { measuredWords } from "./measured.js";
import { explain } from "./messages.js";
import { middle } from "./names.js";
import { calibratedPrevalence, CHOICES, choosePrevalence, prevalence, prevalenceWords, shown } from "./prevalence.js";
import { drawScale } from "./scale.js";
import { readAs, warningWords } from "./reading.js";
import { CAVEATS, caveatOf, percent, TRIAGE, triageWords } from "./triage.js";

const WAITING = {
    waiting: "Waiting to be sent.",
    sending: "Being sent to the service.",
    predicting: "The service is processing the image.",
};

const panel = byId("result");

/** Show that no image is chosen. */
export function showNothing() {
    panel.replaceChildren(
        element("p", { className: "dim" }, "Add an image to see its triage, probability and heatmap."),
    );
}

/**
 * Show the result of an image, its failure or its state.
 * @param {object} config of the service
 * @param {{retry: function, prevalenceChosen: function}} actions `retry` is called with an image to send it again. With
 *   {force: true} as second argument, the image is predicted although the gate refuses it. `prevalenceChosen` is called
 *   when the probabilities of all images change.
 */
export function showResult(image, config, actions) {
    const name = element("p", { className: "result-name" }, middle(image.file.name));
    if (image.state === "done") panel.replaceChildren(name, ...answerParts(image, config, actions));
    else if (image.state === "failed") panel.replaceChildren(name, ...failureParts(image, actions.retry));
    else panel.replaceChildren(name, element("p", { className: "dim" }, WAITING[image.state]));
}

/** Return "72.0% if 1 in 10 such children has pneumonia". */
export const probabilityWords = (answer) => `${percent(shown(answer.pneumonia))} ${conditionWords(answer)}`;

/** Return "if 1 in 10 such children has pneumonia". */
export const conditionWords = (answer) => `if ${prevalenceWords(prevalence())} ${people(answer)} has pneumonia`;

/** Return whom a prevalence describes. Images outside the trained population may not show children. */
const people = (answer) => (caveatOf(answer) === null ? "such children" : "such patients");

function answerParts(image, config, { prevalenceChosen }) {
    const { answer } = image;
    const { pneumonia, triage, model, request_id: reference } = answer;
    const caveat = caveatOf(answer);
    const warnings = (answer.image.warnings ?? []).filter((code) => code !== "outside_training_population");
    return [
        element(
            "div",
            { className: `verdict ${verdictClass(answer)}` },
            verdictChip(answer),
            caveat && element("p", { className: "model-says" }, `The model says: ${triageWords(triage).toLowerCase()}`),
        ),
        caveat && element("p", { className: "advice strong" }, CAVEATS[caveat].meaning),
        element(
            "p",
            { className: `probability ${caveat ? "unknown" : ""}` },
            element("strong", {}, percent(shown(pneumonia))),
            " probability of pneumonia",
        ),
        prevalencePart(people(answer), prevalenceChosen),
        drawScale(pneumonia, config.operating_points, caveat === null),
        element("p", { className: "meaning" }, `${TRIAGE[triage]?.meaning ?? ""} A radiologist must read this X-ray.`),
        ...(caveat ? [] : measuredWords(triage)).map((words) => element("p", { className: "measured" }, words)),
        config.limits[0] && element("p", { className: "dim small" }, config.limits[0]),
        ...warnings.map((code) => element("p", { className: "advice" }, warningWords(code))),
        feedbackPart(image, config.feedback),
        details([
            ["File", readAs(answer.image)],
            ["Model", `${model.name} ${model.version}`],
            ["Reference", reference],
        ]),
    ].filter(Boolean);
}

/** Return "if [1 in 10] such children has pneumonia" with a choice of the share, and a note on what it changes. */
function prevalencePart(who, chosen) {
    const now = prevalence();
    const choices = CHOICES.map(([some, all]) => some / all);
    if (!choices.includes(now)) choices.push(now);
    const select = element(
        "select",
        {
            id: "prevalence",
            aria: { label: `Share of ${who} with pneumonia` },
            onchange: () => {
                choosePrevalence(Number(select.value));
                chosen();
                byId("prevalence").focus();
            },
        },
        ...choices.map((value) => element("option", { value, selected: value === now }, prevalenceWords(value))),
    );
    const even = now === calibratedPrevalence();
    const note = even
        ? "The model is calibrated for this share (1 in 2 means even odds). Choose the share among your patients: " +
          "the probability changes, the triage does not."
        : "The triage does not change with this share.";
    return element(
        "div",
        { className: "prevalence" },
        element("p", {}, "if ", select, ` ${who} has pneumonia`),
        element("p", { className: "dim small" }, note),
    );
}

function failureParts(image, retry) {
    const { title, advice, detail, reference, retry: again, force } = explain(image.failure);
    const parts = [
        element("div", { className: "verdict failed" }, failedChip(title)),
        advice && element("p", { className: "advice" }, advice),
        detail && element("p", { className: "dim small" }, `The service says: ${detail}`),
        details([
            ["Error", codePart(image.failure)],
            ["Reference", reference],
        ]),
        again && element("button", { type: "button", className: "primary", onclick: () => retry(image) }, "Try again"),
        force &&
            element(
                "button",
                { type: "button", className: "primary", onclick: () => retry(image, { force: true }) },
                "Predict anyway",
            ),
    ];
    return parts.filter(Boolean);
}

/** Return the error code, with a link to its explanation if the service gave one. */
function codePart({ code, help }) {
    return help ? element("a", { href: help, target: "_blank", rel: "noopener" }, code) : code;
}

function details(pairs) {
    const given = pairs.filter(([, value]) => value !== undefined && value !== "");
    return element(
        "dl",
        { className: "details" },
        ...given.map(([term, value]) => element("div", {}, element("dt", {}, term), element("dd", {}, value))),
    );
}
