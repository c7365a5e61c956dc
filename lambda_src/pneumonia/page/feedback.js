// Feedback of the reader on a result: a verdict and a reason from lists, without free text. The form is shown only if
// the service accepts feedback.

import { giveFeedback } from "./api.js";
import { element } from "./dom.js";
import { explain } from "./messages.js";

const VERDICTS = { agree: "Agree", disagree: "Disagree", cannot_tell: "Cannot tell" };

/**
 * Return the form below a result; null if the service takes no feedback.
 * @param {object} image an image with an answer
 * @param {{verdicts: string[], reasons: Object<string, string>}|null|undefined} choices from the service
 */
export function feedbackPart(image, choices) {
    if (!choices) return null;
    const part = element("div", {
        className: "feedback",
        attributes: { role: "group" },
        aria: { label: "Your reading" },
    });
    show(part, image, choices);
    return part;
}

function show(part, image, choices) {
    const { verdict, reason, said } = image.feedback ?? {};
    const buttons = choices.verdicts.map((value) =>
        element(
            "button",
            {
                type: "button",
                aria: { pressed: String(value === verdict) },
                onclick: () => choose(part, image, choices, { verdict: value, reason: null }),
            },
            VERDICTS[value] ?? value,
        ),
    );
    const reasons = element(
        "select",
        {
            aria: { label: "Reason" },
            onchange: () => choose(part, image, choices, { verdict, reason: reasons.value || null }),
        },
        element("option", { value: "" }, "Reason (optional)"),
        ...Object.entries(choices.reasons).map(([value, words]) =>
            element("option", { value, selected: value === reason }, words),
        ),
    );
    part.replaceChildren(
        element("p", {}, "Your reading of this X-ray:"),
        element("div", { className: "feedback-buttons" }, ...buttons),
        ...(verdict && verdict !== "agree" ? [reasons] : []),
        element("p", { className: "dim small", attributes: { role: "status" } }, said ?? ""),
    );
}

async function choose(part, image, choices, feedback) {
    const place = [...part.querySelectorAll("button, select")].indexOf(document.activeElement);
    const again = (said) => {
        image.feedback = { ...feedback, said };
        show(part, image, choices);
        part.querySelectorAll("button, select")[place]?.focus();
    };
    again("Sending");
    try {
        again((await giveFeedback({ id: image.answer.id ?? null, ...feedback })).detail);
    } catch (failure) {
        again(`Not stored. ${explain(failure).title}. To try again, select your answer again.`);
    }
}
