// Zoom, position, rotation and mirroring of the image on the stage.

import { byId } from "./dom.js";

export const ZOOM_STEP = 1.25;
const MAX_ZOOM = 16;

const stage = byId("stage");
const layers = byId("layers");

let size = { width: 1, height: 1 };
let zoom = 1; // relative to the scale that fits
let offset = { x: 0, y: 0 };
let quarters = 0; // quarter turns, clockwise
let mirrored = { across: false, upright: false };

/** Set the size of the image, 1 by 1 without an image. `again` resets zoom, position, rotation and mirroring. */
export function setSize(width, height, again) {
    size = { width, height };
    if (again) straighten();
    else place();
}

/** Reset rotation and mirroring, and fit the image. */
export function straighten() {
    quarters = 0;
    mirrored = { across: false, upright: false };
    fit();
}

/** Show the whole image, as large as the stage allows. */
export function fit() {
    zoom = 1;
    offset = { x: 0, y: 0 };
    place();
}

/** Zoom by a factor around a fixed point of the stage, relative to its middle. */
export function zoomBy(factor, point = { x: 0, y: 0 }) {
    const next = Math.min(MAX_ZOOM, Math.max(1, zoom * factor));
    const ratio = next / zoom;
    offset = { x: point.x - (point.x - offset.x) * ratio, y: point.y - (point.y - offset.y) * ratio };
    zoom = next;
    place();
}

/** Fit an enlarged image; otherwise enlarge it three times around a point. */
export function toggleZoom(point) {
    if (zoom > 1) fit();
    else zoomBy(3, point);
}

export function moveBy(x, y) {
    offset = { x: offset.x + x, y: offset.y + y };
    place();
}

/** Rotate by quarter turns: clockwise, or counterclockwise if negative. */
export function rotate(by) {
    quarters = (quarters + by + 4) % 4;
    place();
}

/** Mirror the image as it is shown: "across" swaps left and right, "upright" top and bottom. */
export function mirror(direction) {
    // In the image's own coordinates, across and upright swap with each quarter turn.
    const own = quarters % 2 === 0 ? direction : { across: "upright", upright: "across" }[direction];
    mirrored[own] = !mirrored[own];
    place();
}

export const isZoomed = () => zoom > 1;

/** Watch the size of the stage. Call this once. */
export function start() {
    new ResizeObserver(place).observe(stage);
}

function place() {
    const [across, upright] = quarters % 2 === 0 ? [size.width, size.height] : [size.height, size.width];
    // The stage takes the shape of the image, so that there are no black borders.
    stage.style.setProperty("--aspect", String(across / upright));
    const scale = (Math.min(stage.clientWidth / across, stage.clientHeight / upright) || 1) * zoom;
    // The edges of an enlarged image do not move into the stage.
    const room = (length, inside) => Math.max(0, (length * scale - inside) / 2);
    offset = {
        x: clamp(offset.x, room(across, stage.clientWidth)),
        y: clamp(offset.y, room(upright, stage.clientHeight)),
    };
    layers.style.width = `${size.width * scale}px`;
    layers.style.height = `${size.height * scale}px`;
    layers.style.transform =
        `translate(-50%, -50%) translate(${offset.x}px, ${offset.y}px) rotate(${90 * quarters}deg) ` +
        `scale(${mirrored.across ? -1 : 1}, ${mirrored.upright ? -1 : 1})`;
    stage.classList.toggle("zoomed", zoom > 1);
    byId("stage-turned").textContent = turnedWords();
    byId("zoom-value").textContent = `${Math.round(zoom * 100)}%`;
    byId("zoom-out").disabled = zoom <= 1;
    byId("zoom-in").disabled = zoom >= MAX_ZOOM || layers.hidden;
}

/** Return words for rotation and mirroring, because readers must notice if left and right are swapped. */
function turnedWords() {
    const said = [quarters > 0 && `rotated ${90 * quarters}°`, mirrored.across !== mirrored.upright && "mirrored"];
    if (mirrored.across && mirrored.upright) said.push("upside down");
    return said.filter(Boolean).join(", ");
}

const clamp = (value, limit) => Math.min(limit, Math.max(-limit, value));
