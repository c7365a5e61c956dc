// Asks for the token if the service requires one, and keeps it in sessionStorage until the tab is closed.
// Behind `pneumonia console`, this module asks for a one-time code, and keeps the key that it gets for the code.

import { getKey, getModel, useToken } from "./api.js";
import { byId } from "./dom.js";
import { explain } from "./messages.js";

const KEY = "pneumonia-token";

const dialog = byId("token-dialog");
const input = byId("token");
const wrong = byId("token-wrong");

const FRAGMENT = "#code=";
const CODE_WORDS = {
    heading: "Console code",
    why: "`pneumonia console` printed a code in its terminal. Each code works once, then a new one is printed.",
    label: "Code",
    what: "the console code",
    refused: "The key of this tab is no longer accepted. Enter the last code that the console printed.",
    give: "Enter the code",
    wrong: "The code was not accepted. Enter the last code that the console printed.",
};
const TOKEN_WORDS = {
    heading: "Access token",
    why: "This service requires a token. Ask its operator for one.",
    label: "Token",
    what: "the access token",
    refused: "The token was not accepted. Enter the current token.",
    give: "Enter the token",
};

let answered = null; // the open dialog's promise: a second refusal does not open a second dialog
let words = TOKEN_WORDS;
let redeem = async (text) => text; // turns the typed text into the token to send

/**
 * Prepare the dialog for the service's kind of access. Resolves with the words of the dialog, or with null if no
 * token is needed. A code in the fragment of the address is used and removed from the address.
 * @param {string} auth of /config
 */
export async function prepareToken(auth) {
    if (auth !== "token" && auth !== "console") return null;
    if (auth === "console") {
        words = CODE_WORDS;
        redeem = getKey;
        await useFragment();
    }
    byId("token-heading").textContent = words.heading;
    byId("token-why").textContent = words.why;
    byId("token-label").textContent = words.label;
    byId("change-token").textContent = `Change ${words.label.toLowerCase()}`;
    return words;
}

async function useFragment() {
    if (!location.hash.startsWith(FRAGMENT)) return;
    const code = location.hash.slice(FRAGMENT.length);
    history.replaceState(null, "", location.pathname); // so that the code is not in the browser's history
    try {
        sessionStorage.setItem(KEY, await getKey(code));
    } catch {
        // The code was used before or belongs to another console: the dialog asks for a new one.
    }
}

/** Use the token that was entered in this tab. Returns whether there is one. */
export function recallToken() {
    const token = sessionStorage.getItem(KEY);
    useToken(token);
    return token !== null;
}

/** Forget the token, in memory and in the tab's storage. */
export function forgetToken() {
    sessionStorage.removeItem(KEY);
    useToken(null);
}

/**
 * Ask until a token is accepted. Resolves with the model card, which serves to check the token, or with null if the
 * user closes the dialog.
 * @param {string} [refused] message about a token that was refused before
 */
export function askToken(refused = "") {
    answered ??= new Promise((resolve) => {
        wrong.textContent = refused;
        input.value = "";
        dialog.showModal();
        const end = (card) => {
            answered = null;
            dialog.removeEventListener("close", onClose);
            dialog.close();
            input.value = "";
            resolve(card);
        };
        const onClose = () => end(null);
        dialog.addEventListener("close", onClose);
        byId("token-cancel").onclick = () => end(null);
        byId("token-form").onsubmit = async (event) => {
            event.preventDefault();
            try {
                const token = await redeem(input.value.trim());
                useToken(token);
                const card = await getModel();
                sessionStorage.setItem(KEY, token);
                end(card);
            } catch (failure) {
                useToken(null);
                const { title, advice } = explain(failure);
                const known = failure.code === "unauthorized" ? words.wrong : undefined;
                wrong.textContent = known ?? `${title}. ${advice}`;
                input.select();
                input.focus();
            }
        };
    });
    return answered;
}
