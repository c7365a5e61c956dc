// The image on the stage, with its overlays: the heatmap and the outline of the lungs.

import { byId } from "./dom.js";
import { paintDeep } from "./deep.js";
import { setImage, toggleInversion } from "./grey.js";
import * as gestures from "./gestures.js";
import { drawLegend } from "./heat.js";
import { drawLungs } from "./lungs.js";
import { overlayOf } from "./overlay.js";
import { pictureOf } from "./picture.js";
import { fit, rotate, setSize, start as startStage, zoomBy, ZOOM_STEP } from "./stage.js";
import { verdictWords } from "./triage.js";

const stage = byId("stage");
const layers = byId("layers");
const imageLayer = byId("image-layer");
const heatLayer = byId("heat-layer");
const lungLayer = byId("lung-layer");
const opacity = byId("opacity");
const lungsButton = byId("lungs");

let shown = null; // the image on the stage
let turn = 0; // counts calls of show(): only the latest one may draw
let opacityBeforeHiding = null;

/** Show an image on the stage, as far as it is available. Call this again when its result has arrived. */
export async function show(image) {
    turn += 1;
    const mine = turn;
    const another = image !== shown;
    shown = image;
    if (another) blank(image);
    const [picture, parts] = await Promise.all([pictureOf(image), overlayOf(image)]);
    if (mine === turn) draw(image, picture, parts, another);
    picture?.bitmap?.close();
}

/** Forget the image on the stage. */
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

/** Connect the controls. Call this once. `reset` is called by the button "Reset". */
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

/** Show only the name until the image is loaded: another image must not be visible next to this verdict. */
function blank(image) {
    layers.hidden = true;
    byId("stage-name").textContent = image.file.name;
    byId("stage-size").textContent = "";
    byId("stage-none").textContent = "Loading the image";
    byId("stage-none").hidden = false;
}

function draw(image, picture, parts, another) {
    const lungs = parts?.lungs ?? null;
    const { bitmap = null, deep = null } = picture ?? {};
    const source = bitmap ?? deep ?? parts?.plain ?? null;
    byId("stage-none").hidden = source !== null;
    byId("stage-none").textContent =
        image.state === "failed" ? "This file cannot be shown" : "The image will appear with its result";
    layers.hidden = source === null;
    byId("stage-name").textContent = image.file.name;
    byId("stage-size").textContent = sizeWords(image, source, picture, parts);
    stage.setAttribute("aria-label", `Image ${image.file.name}`);
    if (source !== null && deep === null) paint(imageLayer, source);
    if (deep !== null) paintDeep(imageLayer, deep, deep.black, deep.white);
    setImage(deep);
    imageLayer.setAttribute("aria-label", description(image, parts));
    const heat = parts?.heat ?? (parts && source !== parts.plain ? parts.plain : null);
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

function sizeWords(image, source, picture, parts) {
    const read = image.answer?.image;
    const whole = read ?? picture?.whole ?? source;
    if (!whole) return "";
    const said = [`${whole.width} × ${whole.height}${read ? ` ${read.format.toUpperCase()}` : ""}`];
    if (picture?.deep) said.push(`${picture.bits} bits`);
    const reduced = source !== null && (source === parts?.plain || picture?.reduced) && source.width < whole.width;
    if (reduced) said.push(`shown reduced to ${source.width} × ${source.height}`);
    return said.join(", ");
}

function description(image, parts) {
    if (image.answer === null) return "The image as it was sent";
    const heat = parts === null ? "no heatmap" : parts.evidence ? "with its heatmap" : "the heatmap shows no evidence";
    return `The image, ${verdictWords(image.answer).toLowerCase()}, ${heat}`;
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
