// The film with the heatmap over it: opacity, inversion, zoom and moving by mouse, touch and keyboard.

import { byId } from "./dom.js";
import { drawLegend, separate } from "./heat.js";
import { decode } from "./preview.js";
import { verdictWords } from "./triage.js";

const ZOOM_STEP = 1.25;
const MAX_ZOOM = 16;
const MOVE_PIXELS = 60;

const stage = byId("stage");
const layers = byId("layers");
const filmLayer = byId("film-layer");
const heatLayer = byId("heat-layer");
const opacity = byId("opacity");
const invert = byId("invert");

let shown = null; // the film on the stage
let turn = 0; // counts calls of show(): only the latest may draw
let size = { width: 1, height: 1 };
let zoom = 1; // times the scale that fits
let offset = { x: 0, y: 0 };
let opacityBeforeHiding = null;

/** Put a film on the stage, or what there is of it so far. Called again when its answer has come. */
export async function show(film) {
    turn += 1;
    const mine = turn;
    const another = film !== shown;
    shown = film;
    const [picture, overlay] = await Promise.all([
        decode(film.file),
        film.heatmap ? createImageBitmap(film.heatmap) : null,
    ]);
    if (mine === turn) draw(film, picture, overlay, another);
    picture?.close();
    overlay?.close();
}

/** Forget the film on the stage. */
export function empty() {
    turn += 1;
    shown = null;
}

function draw(film, picture, overlay, another) {
    const parts = overlay && separate(overlay, film.answer.image);
    const source = picture ?? parts?.film ?? null;
    byId("stage-none").hidden = source !== null;
    byId("stage-none").textContent =
        film.state === "failed" ? "No picture of this file" : "The picture comes with the answer";
    layers.hidden = source === null;
    byId("stage-name").textContent = film.file.name;
    byId("stage-size").textContent = sizeWords(film, source);
    stage.setAttribute("aria-label", `Film ${film.file.name}`);
    if (source !== null) paint(filmLayer, source);
    filmLayer.setAttribute("aria-label", description(film, parts));
    const heat = parts?.heat ?? (parts && picture ? parts.film : null);
    heatLayer.hidden = heat === null;
    if (heat !== null) paint(heatLayer, heat);
    opacity.disabled = heat === null;
    byId("legend").classList.toggle("off", parts === null);
    size = { width: source?.width ?? 1, height: source?.height ?? 1 };
    if (another || source === null) fit();
    else place();
}

function sizeWords(film, source) {
    const image = film.answer?.image;
    if (image) return `${image.width} × ${image.height} ${image.format.toUpperCase()}`;
    return source ? `${source.width} × ${source.height}` : "";
}

function description(film, parts) {
    if (film.answer === null) return "The film as it was sent";
    const heat = parts === null ? "no heatmap" : parts.evidence ? "with its heatmap" : "the heatmap shows no evidence";
    return `The film, ${verdictWords(film.answer).toLowerCase()}, ${heat}`;
}

function paint(canvas, source) {
    canvas.width = source.width;
    canvas.height = source.height;
    canvas.getContext("2d").drawImage(source, 0, 0);
}

function setOpacity(percent) {
    opacity.value = percent;
    heatLayer.style.opacity = percent / 100;
    byId("opacity-value").textContent = `${percent}%`;
    opacity.setAttribute("aria-valuetext", `${percent} percent`);
}

function toggleHeat() {
    if (opacity.disabled) return;
    const now = Number(opacity.value);
    if (now > 0) opacityBeforeHiding = now;
    setOpacity(now > 0 ? 0 : (opacityBeforeHiding ?? Number(opacity.defaultValue)));
}

function toggleInversion() {
    const on = invert.getAttribute("aria-pressed") !== "true";
    invert.setAttribute("aria-pressed", String(on));
    filmLayer.classList.toggle("inverted", on);
}

function fitScale() {
    return Math.min(stage.clientWidth / size.width, stage.clientHeight / size.height) || 1;
}

function fit() {
    zoom = 1;
    offset = { x: 0, y: 0 };
    place();
}

/** Zoom around a point of the stage, given from its middle, so that what is there stays there. */
function zoomTo(wanted, point = { x: 0, y: 0 }) {
    const next = Math.min(MAX_ZOOM, Math.max(1, wanted));
    const ratio = next / zoom;
    offset = { x: point.x - (point.x - offset.x) * ratio, y: point.y - (point.y - offset.y) * ratio };
    zoom = next;
    place();
}

function move(x, y) {
    offset = { x: offset.x + x, y: offset.y + y };
    place();
}

function place() {
    const scale = fitScale() * zoom;
    const width = size.width * scale;
    const height = size.height * scale;
    // No further than to where an edge of the film meets the stage's.
    const room = { x: Math.max(0, (width - stage.clientWidth) / 2), y: Math.max(0, (height - stage.clientHeight) / 2) };
    offset = { x: clamp(offset.x, room.x), y: clamp(offset.y, room.y) };
    layers.style.width = `${width}px`;
    layers.style.height = `${height}px`;
    layers.style.transform = `translate(-50%, -50%) translate(${offset.x}px, ${offset.y}px)`;
    stage.classList.toggle("zoomed", zoom > 1);
    byId("zoom-value").textContent = `${Math.round(zoom * 100)}%`;
    byId("zoom-out").disabled = zoom <= 1;
    byId("zoom-in").disabled = zoom >= MAX_ZOOM || layers.hidden;
}

const clamp = (value, limit) => Math.min(limit, Math.max(-limit, value));

/** A pointer's place from the middle of the stage. */
function fromMiddle(event) {
    const box = stage.getBoundingClientRect();
    return { x: event.clientX - box.left - box.width / 2, y: event.clientY - box.top - box.height / 2 };
}

const pointers = new Map();

function pointerMoved(event) {
    const before = pointers.get(event.pointerId);
    if (before === undefined) return;
    const now = fromMiddle(event);
    pointers.set(event.pointerId, now);
    if (pointers.size === 1) {
        move(now.x - before.x, now.y - before.y);
    } else if (pointers.size === 2) {
        const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
        const spread = (point) => Math.hypot(point.x - other.x, point.y - other.y);
        const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
        if (spread(before) > 0) zoomTo((zoom * spread(now)) / spread(before), middle);
    }
}

const KEYS = {
    "+": () => zoomTo(zoom * ZOOM_STEP),
    "=": () => zoomTo(zoom * ZOOM_STEP),
    "-": () => zoomTo(zoom / ZOOM_STEP),
    0: fit,
    i: toggleInversion,
    h: toggleHeat,
    ArrowLeft: () => move(MOVE_PIXELS, 0),
    ArrowRight: () => move(-MOVE_PIXELS, 0),
    ArrowUp: () => move(0, MOVE_PIXELS),
    ArrowDown: () => move(0, -MOVE_PIXELS),
};

/** Connect the controls; once, at the start. */
export function start() {
    drawLegend(byId("legend-bar"));
    setOpacity(Number(opacity.value));
    opacity.addEventListener("input", () => setOpacity(Number(opacity.value)));
    invert.addEventListener("click", toggleInversion);
    byId("zoom-in").addEventListener("click", () => zoomTo(zoom * ZOOM_STEP));
    byId("zoom-out").addEventListener("click", () => zoomTo(zoom / ZOOM_STEP));
    byId("zoom-fit").addEventListener("click", fit);
    stage.addEventListener("keydown", (event) => {
        const act = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
        if (act === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
        // At its fitted size the film has nowhere to move to: the arrows scroll the page.
        if (event.key.startsWith("Arrow") && zoom === 1) return;
        event.preventDefault();
        act();
    });
    stage.addEventListener("dblclick", (event) => (zoom > 1 ? fit() : zoomTo(3, fromMiddle(event))));
    stage.addEventListener(
        "wheel",
        (event) => {
            // Only with Ctrl (a pinch on a touchpad sends it too): else the page could not be scrolled past the film.
            if (!event.ctrlKey) return;
            event.preventDefault();
            zoomTo(zoom * Math.exp(-event.deltaY / 300), fromMiddle(event));
        },
        { passive: false },
    );
    stage.addEventListener("pointerdown", (event) => {
        if (event.button !== 0) return;
        stage.setPointerCapture(event.pointerId);
        pointers.set(event.pointerId, fromMiddle(event));
    });
    stage.addEventListener("pointermove", pointerMoved);
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
        stage.addEventListener(name, (event) => pointers.delete(event.pointerId));
    }
    new ResizeObserver(place).observe(stage);
}
