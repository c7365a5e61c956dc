// Keys of the whole page, those of the OHIF viewer where it has them, and the list of them.

import { byId, element } from "./dom.js";
import { resetWindow, toggleInversion } from "./grey.js";
import { fit, mirror, moveBy, rotate, straighten, zoomBy, ZOOM_STEP } from "./stage.js";
import { toggleHeat, toggleLungs } from "./viewer.js";

const MOVE_PIXELS = 60;

const dialog = byId("keys-dialog");

/** Window, rotation, zoom and place as the film came with. */
export function reset() {
    resetWindow();
    straighten();
}

/**
 * Listen to the keys of the page.
 * @param {{step: function(number): void, jump: function(number): void}} list goes to the next film or the one before
 *   (1, -1), and to the first or the last one (0, -1)
 */
export function start({ step, jump }) {
    const keys = [
        [["ArrowDown", "ArrowRight", "PageDown"], "Next film", () => step(1)],
        [["ArrowUp", "ArrowLeft", "PageUp"], "Film before", () => step(-1)],
        [["Home"], "First film", () => jump(0)],
        [["End"], "Last film", () => jump(-1)],
        [["+"], "Zoom in", () => zoomBy(ZOOM_STEP)],
        [["-"], "Zoom out", () => zoomBy(1 / ZOOM_STEP)],
        [["=", "0"], "Fit", fit],
        [["I"], "Invert", toggleInversion],
        [["R"], "Turn to the right", () => rotate(1)],
        [["L"], "Turn to the left", () => rotate(-1)],
        [["H"], "Exchange left and right", () => mirror("across")],
        [["V"], "Exchange up and down", () => mirror("upright")],
        [["O"], "Heatmap on or off", toggleHeat],
        [["U"], "Outline of the lungs on or off", toggleLungs],
        [[" "], "Reset: window, turning, zoom", reset],
        [["?"], "These keys", showKeys],
    ];
    const moves = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const byKey = new Map(keys.flatMap(([names, , act]) => names.map((name) => [name.toLowerCase(), act])));
    const gestures = [
        ["Drag", "Window: width across, level up and down"],
        ["Shift", "and drag, or drag with the middle button: move"],
        ["Shift", "and an arrow: move"],
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

/** Whether what has the focus needs the key itself, or there is no film to use it on. */
function isTaken({ key, target }) {
    if (document.querySelector("dialog[open]") !== null) return true;
    if (target.closest?.("input, select, textarea") !== null) return true;
    if (key === " " && target.closest("button, a, summary") !== null) return true;
    if (key.length > 1 && target.closest(".scroll") !== null) return true; // which arrows and the like scroll
    return byId("view").hidden && key !== "?";
}
