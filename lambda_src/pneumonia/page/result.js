// What the service says of the chosen film, or why it says nothing.

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

/**
 * The film's answer, its failure, or where it is.
 * @param {object} config of the service
 * @param {{retry: function, prevalenceChosen: function}} actions `retry` is called with a film to send again, and with
 *   {force: true} to have it answered whatever it shows; `prevalenceChosen` when the numbers of all films changed
 */
export function showResult(film, config, actions) {
    const name = element("p", { className: "result-name" }, middle(film.file.name));
    if (film.state === "done") panel.replaceChildren(name, ...answerParts(film, config, actions));
    else if (film.state === "failed") panel.replaceChildren(name, ...failureParts(film, actions.retry));
    else panel.replaceChildren(name, element("p", { className: "dim" }, WAITING[film.state]));
}

/** "72.0% if 1 in 10 of such children has pneumonia" */
export const probabilityWords = (answer) => `${percent(shown(answer.pneumonia))} ${conditionWords(answer)}`;

/** "if 1 in 10 of such children has pneumonia" */
export const conditionWords = (answer) => `if ${prevalenceWords(prevalence())} of ${people(answer)} has pneumonia`;

/** Of whom a prevalence is: an adult, or whatever else the model does not know, is none of "such children". */
const people = (answer) => (caveatOf(answer) === null ? "such children" : "such patients");

function answerParts(film, config, { prevalenceChosen }) {
    const { answer } = film;
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
        element("p", { className: "meaning" }, `${TRIAGE[triage]?.meaning ?? ""} A radiologist must read this film.`),
        ...(caveat ? [] : measuredWords(triage)).map((words) => element("p", { className: "measured" }, words)),
        config.limits[0] && element("p", { className: "dim small" }, config.limits[0]),
        ...warnings.map((code) => element("p", { className: "advice" }, warningWords(code))),
        feedbackPart(film, config.feedback),
        details([
            ["Read as", readAs(answer.image)],
            ["Model", `${model.name} ${model.version}`],
            ["Reference", reference],
        ]),
    ].filter(Boolean);
}

/** "if [1 in 10] of such children has pneumonia", and what even odds are where these are chosen. */
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
        ? "The model is calibrated for this share (even odds at 1 in 2). Choose that of your patients: the number " +
          "changes, the triage does not."
        : "The triage stays as it is.";
    return element(
        "div",
        { className: "prevalence" },
        element("p", {}, "if ", select, ` of ${who} has pneumonia`),
        element("p", { className: "dim small" }, note),
    );
}

function failureParts(film, retry) {
    const { title, advice, detail, reference, retry: again, force } = explain(film.failure);
    const parts = [
        element("div", { className: "verdict failed" }, failedChip(title)),
        advice && element("p", { className: "advice" }, advice),
        detail && element("p", { className: "dim small" }, `The service says: ${detail}`),
        details([
            ["Error", codePart(film.failure)],
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

/** The code, with a link to its explanation where the service gave one. */
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
