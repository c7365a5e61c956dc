// Printing: one page per image, with everything that is needed to read the result on paper.

import { verdictChip, verdictClass } from "./chips.js";
import { byId, element } from "./dom.js";
import { paintDeep } from "./deep.js";
import { measuredWords } from "./measured.js";
import { overlayOf } from "./overlay.js";
import { pictureOf } from "./picture.js";
import { warningWords } from "./reading.js";
import { conditionWords } from "./result.js";
import { drawScale } from "./scale.js";
import { CAVEATS, caveatOf, percent, triageWords } from "./triage.js";
import { shown } from "./prevalence.js";

const SIDE = 1400; // pixels of the longer side of a picture: 300 dots per inch on half a page
const CLOCK = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "short", hourCycle: "h23" });

const pages = byId("print");

/** Print images that have a result. */
export async function printImages(images, config) {
    const made = [];
    for (const image of images) made.push(await pageOf(image, config)); // one at a time, to save memory
    pages.replaceChildren(...made);
    print();
}

/** Call `ask` when the user prints, and remove the pages after printing. Call this once. */
export function start(ask) {
    byId("print-images").addEventListener("click", ask);
    addEventListener("keydown", (event) => {
        if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "p" || byId("print-images").disabled) return;
        event.preventDefault();
        ask();
    });
    addEventListener("afterprint", () => pages.replaceChildren());
}

async function pageOf(image, config) {
    const { answer } = image;
    const caveat = caveatOf(answer);
    const warnings = answer.image.warnings.filter((code) => code !== "outside_training_population");
    return element(
        "article",
        { className: "print-page" },
        element("h2", {}, image.file.name),
        element("div", { className: "print-pictures" }, ...(await pictures(image))),
        element(
            "div",
            { className: `verdict ${verdictClass(answer)}` },
            verdictChip(answer),
            caveat && element("p", { className: "model-says" }, `The model says: ${triageWords(answer.triage)}`),
        ),
        caveat && element("p", { className: "advice strong" }, CAVEATS[caveat].meaning),
        element(
            "p",
            { className: "probability" },
            element("strong", {}, percent(shown(answer.pneumonia))),
            ` probability of pneumonia ${conditionWords(answer)}`,
        ),
        drawScale(answer.pneumonia, config.operating_points, caveat === null),
        ...(caveat ? [] : measuredWords(answer.triage)).map((words) => element("p", {}, words)),
        ...warnings.map((code) => element("p", {}, warningWords(code))),
        element("p", {}, byId("legend-meaning").textContent),
        element(
            "p",
            {},
            `Model ${answer.model.name} ${answer.model.version}. Predicted ${CLOCK.format(image.finished)}.`,
        ),
        element("p", { className: "dim" }, `Reference ${answer.request_id}`),
        element("p", { className: "notice" }, answer.notice),
    );
}

/** Return figures of the image, without and with its heatmap. */
async function pictures(image) {
    const parts = await overlayOf(image);
    const { bitmap, deep } = (await pictureOf(image)) ?? {};
    const plain = document.createElement("canvas");
    if (deep) paintDeep(plain, deep, deep.black, deep.white);
    const source = bitmap ?? (deep ? plain : parts?.plain) ?? null;
    const made = [];
    if (source) made.push(figure("Image", source, null));
    if (parts && source) made.push(figure("Image with heatmap", source, parts.heat ?? parts.plain));
    bitmap?.close();
    return made;
}

function figure(words, image, heat) {
    const scale = Math.min(1, SIDE / Math.max(image.width, image.height));
    const canvas = element("canvas", {
        width: Math.round(image.width * scale),
        height: Math.round(image.height * scale),
    });
    const context = canvas.getContext("2d");
    context.filter = "grayscale(1)";
    context.drawImage(image, 0, 0, canvas.width, canvas.height);
    context.filter = "none";
    if (heat !== null) {
        context.globalAlpha = 0.4;
        context.drawImage(heat, 0, 0, canvas.width, canvas.height);
    }
    return element("figure", {}, canvas, element("figcaption", {}, words));
}
