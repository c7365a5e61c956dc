// The list of films: a thumbnail, the name, and how far it has come.

import { failedChip, underCaveat, verdictChip } from "./chips.js";
import { byId, element } from "./dom.js";
import { separate } from "./heat.js";
import { explain } from "./messages.js";
import { middle } from "./names.js";
import { shown } from "./prevalence.js";
import { decode } from "./preview.js";
import { percent } from "./triage.js";

const THUMBNAIL_PIXELS = 96;

const list = byId("films");
const items = new Map(); // film -> its parts
let drawing = Promise.resolve(); // thumbnails one after the other: a full-size film takes much memory

/** Add items; `choose` and `remove` are called with a film when its item, or the cross of it, is used. */
export function addItems(films, choose, remove) {
    for (const film of films) {
        const thumbnail = element("canvas", {
            className: "thumbnail",
            width: THUMBNAIL_PIXELS,
            height: THUMBNAIL_PIXELS,
        });
        thumbnail.setAttribute("aria-hidden", "true");
        const state = element("span", { className: "state" });
        const button = element("button", { type: "button", className: "film", onclick: () => choose(film) });
        const value = element("span", { className: "value" });
        button.append(thumbnail, element("span", { className: "text" }, middle(film.file.name), value, state));
        const cross = element(
            "button",
            {
                type: "button",
                className: "remove quiet",
                title: "Remove",
                aria: { label: `Remove ${film.file.name}` },
                onclick: () => remove(film),
            },
            "×",
        );
        const item = element("li", {}, button, cross);
        items.set(film, { item, button, state, value, thumbnail });
        updateItem(film);
        drawing = drawing.then(() => drawThumbnail(film, thumbnail));
    }
}

/** Show these films in this order, and hide all others. */
export function arrange(films) {
    for (const { item } of items.values()) item.remove();
    list.append(...films.map((film) => items.get(film).item));
}

/** Show the state of a film again. */
export function updateItem(film) {
    const { state, value } = items.get(film);
    value.textContent = film.answer ? percent(shown(film.answer.pneumonia)) : "";
    const bar = state.querySelector("progress");
    if (film.state === "sending" && bar !== null) {
        bar.value = film.sent;
        state.querySelector(".words").textContent = sendingWords(film);
        return;
    }
    state.replaceChildren(...stateParts(film));
}

/** Mark the film that is shown, and scroll the list, not the page, to it. */
export function markChosen(chosen) {
    for (const [film, { button }] of items) button.setAttribute("aria-current", String(film === chosen));
    const item = items.get(chosen)?.item;
    if (!item) return;
    const [above, below] = [item.offsetTop, item.offsetTop + item.offsetHeight - list.clientHeight];
    if (list.scrollTop > above) list.scrollTop = above;
    else if (list.scrollTop < below) list.scrollTop = below;
}

/** Give the focus to a film's item. */
export function focusItem(film) {
    items.get(film)?.button.focus();
}

/** Draw a thumbnail from the service's picture, for a film that the browser cannot decode itself. */
export async function drawFrom(film, heatmap) {
    await drawing;
    const thumbnail = items.get(film)?.thumbnail;
    if (thumbnail === undefined || thumbnail.classList.contains("drawn")) return;
    const overlay = await createImageBitmap(heatmap);
    paint(thumbnail, separate(overlay, film.answer.image).film);
    overlay.close();
}

/** Remove the items of films. */
export function removeItems(films) {
    for (const film of films) {
        items.get(film).item.remove();
        items.delete(film);
    }
}

function stateParts(film) {
    if (film.state === "done") return [verdictChip(film.answer), underCaveat(film.answer)].filter(Boolean);
    if (film.state === "failed") return [failedChip(explain(film.failure).title)];
    if (film.state === "waiting") return [element("span", { className: "words" }, "Waiting")];
    const bar = element("progress", { max: 1, aria: { label: `Progress of ${film.file.name}` } });
    if (film.state === "sending") bar.value = film.sent;
    const words = film.state === "sending" ? sendingWords(film) : film.large ? "Waiting for the result" : "Predicting";
    return [bar, element("span", { className: "words" }, words)];
}

function sendingWords(film) {
    return `${film.large ? "Uploading" : "Sending"} ${Math.round(100 * film.sent)}%`;
}

async function drawThumbnail(film, thumbnail) {
    if (!items.has(film)) return;
    const picture = await decode(film.file, 2 * THUMBNAIL_PIXELS);
    if (picture === null) return;
    paint(thumbnail, picture);
    picture.close();
}

/** The middle of a picture, as a square. */
function paint(thumbnail, picture) {
    const side = Math.min(picture.width, picture.height);
    const left = (picture.width - side) / 2;
    const top = (picture.height - side) / 2;
    const context = thumbnail.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, left, top, side, side, 0, 0, THUMBNAIL_PIXELS, THUMBNAIL_PIXELS);
    thumbnail.classList.add("drawn");
}
