// The film on the stage with what lies over it: the heatmap, and the outline of the lungs.

import { byId } from "./dom.js";
import { paintDeep } from "./deep.js";
import { setFilm, toggleInversion } from "./grey.js";
import * as gestures from "./gestures.js";
import { drawLegend } from "./heat.js";
import { drawLungs } from "./lungs.js";
import { overlayOf } from "./overlay.js";
import { pictureOf } from "./picture.js";
import { fit, rotate, setSize, start as startStage, zoomBy, ZOOM_STEP } from "./stage.js";
import { verdictWords } from "./triage.js";

const stage = byId("stage");
const layers = byId("layers");
const filmLayer = byId("film-layer");
const heatLayer = byId("heat-layer");
const lungLayer = byId("lung-layer");
const opacity = byId("opacity");
const lungsButton = byId("lungs");

let shown = null; // the film on the stage
let turn = 0; // counts calls of show(): only the latest may draw
let opacityBeforeHiding = null;

/** Put a film on the stage, or what there is of it so far. Called again when its answer has come. */
export async function show(film) {
    turn += 1;
    const mine = turn;
    const another = film !== shown;
    shown = film;
    if (another) blank(film);
    const [picture, parts] = await Promise.all([pictureOf(film), overlayOf(film)]);
    if (mine === turn) draw(film, picture, parts, another);
    picture?.bitmap?.close();
}

/** Forget the film on the stage. */
export function empty() {
    turn += 1;
    shown = null;
}

export function toggleHeat() {
    if (opacity.disabled) return;
    const now = Number(opacity.value);
    if (now > 0) opacityBeforeHiding = now;
    setOpacity(now > 0 ? 0 : (opacityBeforeHiding ?? Number(opacity.defaultValue)));
}

export function toggleLungs() {
    if (lungsButton.hidden) return;
    const on = lungsButton.getAttribute("aria-pressed") !== "true";
    lungsButton.setAttribute("aria-pressed", String(on));
    lungLayer.hidden = !on;
}

/** Connect the controls; once, at the start. `reset` brings everything back to how the film came. */
export function start(reset) {
    drawLegend(byId("legend-bar"));
    setOpacity(Number(opacity.value));
    opacity.addEventListener("input", () => setOpacity(Number(opacity.value)));
    byId("invert").addEventListener("click", toggleInversion);
    byId("rotate").addEventListener("click", () => rotate(1));
    byId("reset").addEventListener("click", reset);
    lungsButton.addEventListener("click", toggleLungs);
    byId("zoom-in").addEventListener("click", () => zoomBy(ZOOM_STEP));
    byId("zoom-out").addEventListener("click", () => zoomBy(1 / ZOOM_STEP));
    byId("zoom-fit").addEventListener("click", fit);
    gestures.start();
    startStage();
}

/** Nothing but the name until the picture is there: that of another film must not be seen beside this verdict. */
function blank(film) {
    layers.hidden = true;
    byId("stage-name").textContent = film.file.name;
    byId("stage-size").textContent = "";
    byId("stage-none").textContent = "Loading the picture";
    byId("stage-none").hidden = false;
}

function draw(film, picture, parts, another) {
    const lungs = parts?.lungs ?? null;
    const { bitmap = null, deep = null } = picture ?? {};
    const source = bitmap ?? deep ?? parts?.film ?? null;
    byId("stage-none").hidden = source !== null;
    byId("stage-none").textContent =
        film.state === "failed" ? "No picture of this file" : "The picture comes with the answer";
    layers.hidden = source === null;
    byId("stage-name").textContent = film.file.name;
    byId("stage-size").textContent = sizeWords(film, source, picture, parts);
    stage.setAttribute("aria-label", `Film ${film.file.name}`);
    if (source !== null && deep === null) paint(filmLayer, source);
    if (deep !== null) paintDeep(filmLayer, deep, deep.black, deep.white);
    setFilm(deep);
    filmLayer.setAttribute("aria-label", description(film, parts));
    const heat = parts?.heat ?? (parts && source !== parts.film ? parts.film : null);
    heatLayer.hidden = heat === null;
    if (heat !== null) paint(heatLayer, heat);
    opacity.disabled = heat === null;
    const cold = parts !== null && !parts.evidence;
    byId("heat-none").hidden = !cold;
    byId("legend").hidden = cold;
    byId("legend").classList.toggle("off", parts === null);
    lungsButton.hidden = lungs === null;
    lungLayer.hidden = lungs === null || lungsButton.getAttribute("aria-pressed") !== "true";
    if (lungs !== null) drawLungs(lungLayer, lungs);
    setSize(source?.width ?? 1, source?.height ?? 1, another || source === null);
}

function sizeWords(film, source, picture, parts) {
    const image = film.answer?.image;
    const whole = image ?? picture?.whole ?? source;
    if (!whole) return "";
    const said = [`${whole.width} × ${whole.height}${image ? ` ${image.format.toUpperCase()}` : ""}`];
    if (picture?.deep) said.push(`${picture.bits} bits`);
    const reduced = source !== null && (source === parts?.film || picture?.reduced) && source.width < whole.width;
    if (reduced) said.push(`shown reduced to ${source.width} × ${source.height}`);
    return said.join(", ");
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
