// Mouse, pen and touch gestures on the stage.

import { byId } from "./dom.js";
import { changeWindow } from "./grey.js";
import { moveBy, toggleZoom, zoomBy } from "./stage.js";

const stage = byId("stage");
const tool = byId("tool");
const pointers = new Map();
let moving = false; // the current drag moves the image, regardless of the tool

/** Connect mouse and touch. Call this once. */
export function start() {
    // On touch screens a drag usually means scrolling.
    setTool(!matchMedia("(pointer: coarse)").matches);
    tool.addEventListener("click", () => setTool(tool.getAttribute("aria-pressed") !== "true"));
    stage.addEventListener("dblclick", (event) => toggleZoom(fromMiddle(event)));
    stage.addEventListener("wheel", zoomByWheel, { passive: false });
    stage.addEventListener("pointerdown", (event) => {
        if (event.button > 1) return;
        if (event.button === 1) event.preventDefault(); // the middle button would scroll
        moving = event.button === 1 || event.shiftKey;
        stage.setPointerCapture(event.pointerId);
        pointers.set(event.pointerId, fromMiddle(event));
    });
    stage.addEventListener("pointermove", drag);
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
        stage.addEventListener(name, (event) => pointers.delete(event.pointerId));
    }
}

function setTool(windows) {
    tool.setAttribute("aria-pressed", String(windows));
    stage.classList.toggle("windows", windows);
}

function zoomByWheel(event) {
    event.preventDefault();
    zoomBy(Math.exp(-event.deltaY / (event.ctrlKey ? 100 : 400)), fromMiddle(event));
}

function drag(event) {
    const before = pointers.get(event.pointerId);
    if (before === undefined) return;
    const now = fromMiddle(event);
    pointers.set(event.pointerId, now);
    if (pointers.size === 2) {
        const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
        const spread = (point) => Math.hypot(point.x - other.x, point.y - other.y);
        const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
        if (spread(before) > 0) zoomBy(spread(now) / spread(before), middle);
        return;
    }
    const [x, y] = [now.x - before.x, now.y - before.y];
    if (moving || tool.getAttribute("aria-pressed") !== "true") moveBy(x, y);
    else changeWindow(x / stage.clientWidth, y / stage.clientHeight);
}

/** Return the position of a pointer relative to the middle of the stage. */
function fromMiddle(event) {
    const box = stage.getBoundingClientRect();
    return { x: event.clientX - box.left - box.width / 2, y: event.clientY - box.top - box.height / 2 };
}
