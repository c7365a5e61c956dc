// The grey window: which greys are shown black and which white. An SVG filter applies it to images of 8 bits. Deeper
// images are painted again from their samples.

import { byId } from "./dom.js";
import { paintDeep } from "./deep.js";

const canvas = byId("image-layer");
const LEAST_WIDTH = 1 / 256;

let deep = null; // the samples of an image deeper than 8 bits
let range = { black: 0, white: 1 }; // shares of the image's whole range
let usual = range;
let painting = 0;

/** Use another image. `samples`: those of an image with more than 8 bits, otherwise null. */
export function setImage(samples) {
    deep = samples;
    usual = deep === null ? { black: 0, white: 1 } : { black: deep.black / deep.most, white: deep.white / deep.most };
    resetWindow();
}

/** Restore the window of the file. */
export function resetWindow() {
    range = { ...usual };
    show();
}

/** Change width and level by shares of the whole range. */
export function changeWindow(width, level) {
    const middle = (range.black + range.white) / 2 + level;
    const half = Math.max(LEAST_WIDTH, range.white - range.black + width) / 2;
    range = { black: middle - half, white: middle + half };
    show();
}

export function toggleInversion() {
    const button = byId("invert");
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    canvas.classList.toggle("inverted", on);
}

function show() {
    const changed = range.black !== usual.black || range.white !== usual.white;
    const levels = deep?.levels ?? 255;
    byId("stage-window").textContent = changed
        ? `Window ${Math.round(levels * (range.white - range.black))}, ` +
          `level ${Math.round((levels * (range.white + range.black)) / 2)}`
        : "";
    canvas.classList.toggle("windowed", deep === null && changed);
    if (deep === null) {
        const slope = 1 / (range.white - range.black);
        for (const part of byId("grey-window").querySelectorAll("feFuncR, feFuncG, feFuncB")) {
            part.setAttribute("slope", String(slope));
            part.setAttribute("intercept", String(-range.black * slope));
        }
        return;
    }
    // Paint at most once per frame of the screen.
    cancelAnimationFrame(painting);
    painting = requestAnimationFrame(() => paintDeep(canvas, deep, range.black * deep.most, range.white * deep.most));
}
