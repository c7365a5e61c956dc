// What concerns all films, above them; and what was just removed, with a way back.

import { byId, element } from "./dom.js";
import { explain } from "./messages.js";

const UNDO_MS = 60_000;

const banner = byId("banner");
const undo = byId("undo");
let timer = 0;

/** Say what is wrong, and what the button does about it. */
export function showBanner(failure, again, action = "Try again") {
    const { title, advice, detail, reference } = explain(failure);
    const words = [`${title}.`, advice, detail, reference && `Reference: ${reference}`].filter(Boolean).join(" ");
    say(words, again, action);
}

/** Say that films wait for the service, which is asked again and again. */
export function showOutage(failure, probe) {
    say(
        `${explain(failure).title}. The films wait, and go on by themselves when the service answers.`,
        probe,
        "Ask now",
    );
}

export function hideBanner() {
    banner.hidden = true;
}

/** Offer to undo for a minute; `ended` is called when the offer is over. */
export function offerUndo(words, restore, ended) {
    clearTimeout(timer);
    const end = () => {
        clearTimeout(timer);
        undo.hidden = true;
    };
    undo.replaceChildren(
        element("p", {}, words),
        element(
            "button",
            {
                type: "button",
                onclick: () => {
                    end();
                    restore();
                },
            },
            "Undo",
        ),
    );
    undo.hidden = false;
    timer = setTimeout(() => {
        end();
        ended();
    }, UNDO_MS);
}

function say(words, act, action) {
    banner.replaceChildren(
        element("p", {}, words),
        element("button", { type: "button", onclick: () => act() }, action),
    );
    banner.hidden = false;
}
