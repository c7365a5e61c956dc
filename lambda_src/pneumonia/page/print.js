// Printing: one page a film, with all that is needed to read it away from the screen.

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

const SIDE = 1400; // pixels of the longer side of a picture: 300 dots an inch on half a page
const CLOCK = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "short", hourCycle: "h23" });

const pages = byId("print");

/** Print films that have an answer. */
export async function printFilms(films, config) {
    const made = [];
    for (const film of films) made.push(await pageOf(film, config)); // one after the other, for the memory
    pages.replaceChildren(...made);
    print();
}

/** Call `ask` where the browser is asked to print, and forget the pages when they are printed; once, at the start. */
export function start(ask) {
    byId("print-films").addEventListener("click", ask);
    addEventListener("keydown", (event) => {
        if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "p" || byId("print-films").disabled) return;
        event.preventDefault();
        ask();
    });
    addEventListener("afterprint", () => pages.replaceChildren());
}

async function pageOf(film, config) {
    const { answer } = film;
    const caveat = caveatOf(answer);
    const warnings = answer.image.warnings.filter((code) => code !== "outside_training_population");
    return element(
        "article",
        { className: "print-page" },
        element("h2", {}, film.file.name),
        element("div", { className: "print-pictures" }, ...(await pictures(film))),
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
        element("p", {}, `Model ${answer.model.name} ${answer.model.version}. Answered ${CLOCK.format(film.finished)}.`),
        element("p", { className: "dim" }, `Reference ${answer.request_id}`),
        element("p", { className: "notice" }, answer.notice),
    );
}

/** The film, and the film under its heatmap. */
async function pictures(film) {
    const parts = await overlayOf(film);
    const { bitmap, deep } = (await pictureOf(film)) ?? {};
    const plain = document.createElement("canvas");
    if (deep) paintDeep(plain, deep, deep.black, deep.white);
    const source = bitmap ?? (deep ? plain : parts?.film) ?? null;
    const made = [];
    if (source) made.push(figure("Film", source, null));
    if (parts && source) made.push(figure("Where the model looked", source, parts.heat ?? parts.film));
    bitmap?.close();
    return made;
}

function figure(words, film, heat) {
    const scale = Math.min(1, SIDE / Math.max(film.width, film.height));
    const canvas = element("canvas", {
        width: Math.round(film.width * scale),
        height: Math.round(film.height * scale),
    });
    const context = canvas.getContext("2d");
    context.filter = "grayscale(1)";
    context.drawImage(film, 0, 0, canvas.width, canvas.height);
    context.filter = "none";
    if (heat !== null) {
        context.globalAlpha = 0.4;
        context.drawImage(heat, 0, 0, canvas.width, canvas.height);
    }
    return element("figure", {}, canvas, element("figcaption", {}, words));
}
