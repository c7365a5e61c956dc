// Asks for the token where the service wants one. It is kept in sessionStorage: for this tab, until it closes.
// Behind `pneumonia console` it asks for a one-time code, and keeps the key that it gets for the code.

import { getKey, getModel, useToken } from "./api.js";
import { byId } from "./dom.js";
import { explain } from "./messages.js";

const KEY = "pneumonia-token";

const dialog = byId("token-dialog");
const input = byId("token");
const wrong = byId("token-wrong");

const FRAGMENT = "#code=";
const CODE_WORDS = {
    heading: "Code of the console",
    why: "`pneumonia console` has printed a code in its terminal. It is good for one use; then the next one is printed.",
    label: "Code",
    what: "the code of the console",
    refused: "The key of this tab is no longer accepted. Give the code that the console printed last.",
    give: "Give the code",
    wrong: "The code was not accepted. Give the one that the console printed last.",
};
const TOKEN_WORDS = {
    heading: "Access token",
    why: "This service answers only with its token. Whoever operates it can give you one.",
    label: "Token",
    what: "the access token",
    refused: "The token was not accepted. Give the current one.",
    give: "Give the token",
};

let answered = null; // the asking under way: a second refusal does not open a second dialog
let words = TOKEN_WORDS;
let redeem = async (text) => text; // what was typed, into what is sent

/**
 * Get ready for what the service asks for; resolves with the words of the dialog, or with null if it asks for nothing.
 * A code in the fragment of the address is used, and taken out of it.
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
    history.replaceState(null, "", location.pathname); // it stays in no history
    try {
        sessionStorage.setItem(KEY, await getKey(code));
    } catch {
        // Used before, or of another console: the dialog asks for one.
    }
}

/** Use the token of this tab, if one was given before. */
export function recallToken() {
    const token = sessionStorage.getItem(KEY);
    useToken(token);
    return token !== null;
}

/** Forget the token, here and in the tab. */
export function forgetToken() {
    sessionStorage.removeItem(KEY);
    useToken(null);
}

/**
 * Ask until a token is accepted: resolves with the model card, which is how it is tried, or with null if the
 * person does not want to give one now.
 * @param {string} [refused] what to say of a token given before
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
