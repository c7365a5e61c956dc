// What the reader says of an answer: a verdict and a reason out of lists, no text. Only where the service wants it.

import { giveFeedback } from "./api.js";
import { element } from "./dom.js";
import { explain } from "./messages.js";

const VERDICTS = { agree: "Agree", disagree: "Disagree", cannot_tell: "Cannot tell" };

/**
 * The question below an answer; null where the service takes no feedback.
 * @param {object} film with an answer
 * @param {{verdicts: string[], reasons: Object<string, string>}|null|undefined} choices of the service
 */
export function feedbackPart(film, choices) {
    if (!choices) return null;
    const part = element("div", { className: "feedback", attributes: { role: "group" }, aria: { label: "Your reading" } });
    show(part, film, choices);
    return part;
}

function show(part, film, choices) {
    const { verdict, reason, said } = film.feedback ?? {};
    const buttons = choices.verdicts.map((value) =>
        element(
            "button",
            {
                type: "button",
                aria: { pressed: String(value === verdict) },
                onclick: () => choose(part, film, choices, { verdict: value, reason: null }),
            },
            VERDICTS[value] ?? value,
        ),
    );
    const reasons = element(
        "select",
        {
            aria: { label: "Reason" },
            onchange: () => choose(part, film, choices, { verdict, reason: reasons.value || null }),
        },
        element("option", { value: "" }, "Reason, if you like"),
        ...Object.entries(choices.reasons).map(([value, words]) =>
            element("option", { value, selected: value === reason }, words),
        ),
    );
    part.replaceChildren(
        element("p", {}, "Your reading of this film:"),
        element("div", { className: "feedback-buttons" }, ...buttons),
        ...(verdict && verdict !== "agree" ? [reasons] : []),
        element("p", { className: "dim small", attributes: { role: "status" } }, said ?? ""),
    );
}

async function choose(part, film, choices, feedback) {
    const place = [...part.querySelectorAll("button, select")].indexOf(document.activeElement);
    const again = (said) => {
        film.feedback = { ...feedback, said };
        show(part, film, choices);
        part.querySelectorAll("button, select")[place]?.focus();
    };
    again("Sending");
    try {
        again((await giveFeedback({ id: film.answer.id ?? null, ...feedback })).detail);
    } catch (failure) {
        again(`Not stored. ${explain(failure).title}. Choose again to send it again.`);
    }
}
