// Keyboard shortcuts of the page, and their list. They follow the OHIF viewer where it has the same function.

import { byId, element } from "./dom.js";
import { resetWindow, toggleInversion } from "./grey.js";
import { fit, mirror, moveBy, rotate, straighten, zoomBy, ZOOM_STEP } from "./stage.js";
import { toggleHeat, toggleLungs } from "./viewer.js";

const MOVE_PIXELS = 60;

const dialog = byId("keys-dialog");

/** Reset window, rotation, zoom and position. */
export function reset() {
    resetWindow();
    straighten();
}

/**
 * Listen to the keys of the page.
 * @param {{step: function(number): void, jump: function(number): void}} list `step` chooses the next or the previous
 *   image (1, -1), `jump` the first or the last one (0, -1)
 */
export function start({ step, jump }) {
    const keys = [
        [["ArrowDown", "ArrowRight", "PageDown"], "Next image", () => step(1)],
        [["ArrowUp", "ArrowLeft", "PageUp"], "Previous image", () => step(-1)],
        [["Home"], "First image", () => jump(0)],
        [["End"], "Last image", () => jump(-1)],
        [["+"], "Zoom in", () => zoomBy(ZOOM_STEP)],
        [["-"], "Zoom out", () => zoomBy(1 / ZOOM_STEP)],
        [["=", "0"], "Fit", fit],
        [["I"], "Invert", toggleInversion],
        [["R"], "Rotate right", () => rotate(1)],
        [["L"], "Rotate left", () => rotate(-1)],
        [["H"], "Flip horizontally", () => mirror("across")],
        [["V"], "Flip vertically", () => mirror("upright")],
        [["O"], "Heatmap on or off", toggleHeat],
        [["U"], "Outline of the lungs on or off", toggleLungs],
        [[" "], "Reset window, rotation and zoom", reset],
        [["?"], "Show this list", showKeys],
    ];
    const moves = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const byKey = new Map(keys.flatMap(([names, , act]) => names.map((name) => [name.toLowerCase(), act])));
    const gestures = [
        ["Drag", "Change the window width (sideways) and level (up and down)"],
        ["Shift + drag", "Move the image (or drag with the middle button)"],
        ["Shift + arrow", "Move the image"],
        ["Wheel", "Zoom"],
    ];
    byId("keys-list").replaceChildren(
        ...[...keys.map(([names, words]) => [names.map(nameOf).join(" "), words]), ...gestures].map(([names, words]) =>
            element("div", {}, element("dt", {}, element("kbd", {}, names)), element("dd", {}, words)),
        ),
    );
    byId("keys").addEventListener("click", showKeys);
    byId("keys-close").addEventListener("click", () => dialog.close());
    addEventListener("keydown", (event) => {
        if (event.ctrlKey || event.metaKey || event.altKey || isTaken(event)) return;
        const key = event.key;
        const move = event.shiftKey && moves[key];
        const act = move ? () => moveBy(MOVE_PIXELS * move[0], MOVE_PIXELS * move[1]) : byKey.get(key.toLowerCase());
        if (act === undefined) return;
        event.preventDefault();
        act();
    });
}

function showKeys() {
    dialog.showModal();
}

const NAMES = { ArrowDown: "↓", ArrowRight: "→", ArrowUp: "↑", ArrowLeft: "←", " ": "Space" };
const nameOf = (key) => NAMES[key] ?? key;

/** Return whether the focused element needs the key, or no image is shown. */
function isTaken({ key, target }) {
    if (document.querySelector("dialog[open]") !== null) return true;
    if (target.closest?.("input, select, textarea") !== null) return true;
    if (key === " " && target.closest("button, a, summary") !== null) return true;
    if (key.length > 1 && target.closest(".scroll") !== null) return true; // arrow keys scroll this element
    return byId("view").hidden && key !== "?";
}
