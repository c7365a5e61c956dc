// The banner for problems that concern all images, and the offer to undo a removal.

import { byId, element } from "./dom.js";
import { explain } from "./messages.js";

const UNDO_MS = 60_000;

const banner = byId("banner");
const undo = byId("undo");
let timer = 0;

/** Show a failure, with a button that calls `again`. */
export function showBanner(failure, again, action = "Try again") {
    const { title, advice, detail, reference } = explain(failure);
    const words = [`${title}.`, advice, detail, reference && `Reference: ${reference}`].filter(Boolean).join(" ");
    say(words, again, action);
}

/** Show that images wait for the service; the button calls `probe`. */
export function showOutage(failure, probe) {
    say(
        `${explain(failure).title}. Images are waiting. They are sent automatically when the service answers again.`,
        probe,
        "Check now",
    );
}

export function hideBanner() {
    banner.hidden = true;
}

/** Offer to undo a removal for one minute, then call `ended`. */
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
