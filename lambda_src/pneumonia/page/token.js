// Asks for the token where the service wants one. It is kept in sessionStorage: for this tab, until it closes.

import { getModel, useToken } from "./api.js";
import { byId } from "./dom.js";
import { explain } from "./messages.js";

const KEY = "pneumonia-token";

const dialog = byId("token-dialog");
const input = byId("token");
const wrong = byId("token-wrong");

let answered = null; // the asking under way: a second refusal does not open a second dialog

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
            const token = input.value.trim();
            useToken(token);
            try {
                const card = await getModel();
                sessionStorage.setItem(KEY, token);
                end(card);
            } catch (failure) {
                useToken(null);
                const { title, advice } = explain(failure);
                wrong.textContent = `${title}. ${advice}`;
                input.select();
                input.focus();
            }
        };
    });
    return answered;
}
