// The list of images: thumbnail, name and state.

import { failedChip, underCaveat, verdictChip } from "./chips.js";
import { byId, element } from "./dom.js";
import { separate } from "./heat.js";
import { explain } from "./messages.js";
import { middle } from "./names.js";
import { shown } from "./prevalence.js";
import { decode } from "./preview.js";
import { percent } from "./triage.js";

const THUMBNAIL_PIXELS = 96;

const list = byId("images");
const items = new Map(); // image -> its elements
let drawing = Promise.resolve(); // draws one thumbnail at a time: a full-size image takes much memory

/** Add items. `choose` is called with an image when its item is clicked, `remove` when its cross is clicked. */
export function addItems(images, choose, remove) {
    for (const image of images) {
        const thumbnail = element("canvas", {
            className: "thumbnail",
            width: THUMBNAIL_PIXELS,
            height: THUMBNAIL_PIXELS,
        });
        thumbnail.setAttribute("aria-hidden", "true");
        const state = element("span", { className: "state" });
        const button = element("button", { type: "button", className: "image", onclick: () => choose(image) });
        const value = element("span", { className: "value" });
        button.append(thumbnail, element("span", { className: "text" }, middle(image.file.name), value, state));
        const cross = element(
            "button",
            {
                type: "button",
                className: "remove quiet",
                title: "Remove",
                aria: { label: `Remove ${image.file.name}` },
                onclick: () => remove(image),
            },
            "×",
        );
        const item = element("li", {}, button, cross);
        items.set(image, { item, button, state, value, thumbnail });
        updateItem(image);
        drawing = drawing.then(() => drawThumbnail(image, thumbnail));
    }
}

/** Show these images in this order, and hide all others. */
export function arrange(images) {
    for (const { item } of items.values()) item.remove();
    list.append(...images.map((image) => items.get(image).item));
}

/** Show the current state of an image. */
export function updateItem(image) {
    const { state, value } = items.get(image);
    value.textContent = image.answer ? percent(shown(image.answer.pneumonia)) : "";
    const bar = state.querySelector("progress");
    if (image.state === "sending" && bar !== null) {
        bar.value = image.sent;
        state.querySelector(".words").textContent = sendingWords(image);
        return;
    }
    state.replaceChildren(...stateParts(image));
}

/** Mark the image that is shown, and scroll the list to it. The page does not scroll. */
export function markChosen(chosen) {
    for (const [image, { button }] of items) button.setAttribute("aria-current", String(image === chosen));
    const item = items.get(chosen)?.item;
    if (!item) return;
    const [above, below] = [item.offsetTop, item.offsetTop + item.offsetHeight - list.clientHeight];
    if (list.scrollTop > above) list.scrollTop = above;
    else if (list.scrollTop < below) list.scrollTop = below;
}

/** Focus the item of an image. */
export function focusItem(image) {
    items.get(image)?.button.focus();
}

/** Draw a thumbnail from the service's heatmap, for an image that the browser cannot decode. */
export async function drawFrom(image, heatmap) {
    await drawing;
    const thumbnail = items.get(image)?.thumbnail;
    if (thumbnail === undefined || thumbnail.classList.contains("drawn")) return;
    const overlay = await createImageBitmap(heatmap);
    paint(thumbnail, separate(overlay, image.answer.image).plain);
    overlay.close();
}

/** Remove the items of images. */
export function removeItems(images) {
    for (const image of images) {
        items.get(image).item.remove();
        items.delete(image);
    }
}

function stateParts(image) {
    if (image.state === "done") return [verdictChip(image.answer), underCaveat(image.answer)].filter(Boolean);
    if (image.state === "failed") return [failedChip(explain(image.failure).title)];
    if (image.state === "waiting") return [element("span", { className: "words" }, "Waiting")];
    const bar = element("progress", { max: 1, aria: { label: `Progress of ${image.file.name}` } });
    if (image.state === "sending") bar.value = image.sent;
    const predicting = image.large ? "Waiting for the result" : "Predicting";
    const words = image.state === "sending" ? sendingWords(image) : predicting;
    return [bar, element("span", { className: "words" }, words)];
}

function sendingWords(image) {
    return `${image.large ? "Uploading" : "Sending"} ${Math.round(100 * image.sent)}%`;
}

async function drawThumbnail(image, thumbnail) {
    if (!items.has(image)) return;
    const picture = await decode(image.file, 2 * THUMBNAIL_PIXELS);
    if (picture === null) return;
    paint(thumbnail, picture);
    picture.close();
}

/** Paint the middle of a picture as a square. */
function paint(thumbnail, picture) {
    const side = Math.min(picture.width, picture.height);
    const left = (picture.width - side) / 2;
    const top = (picture.height - side) / 2;
    const context = thumbnail.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(picture, left, top, side, side, 0, 0, THUMBNAIL_PIXELS, THUMBNAIL_PIXELS);
    thumbnail.classList.add("drawn");
}
