// Connects the parts of the page: the configuration of the service, the session and its views.

import { showConfig, showMeasured } from "./about.js";
import { getConfig, getModel } from "./api.js";
import { hideBanner, offerUndo, showBanner, showOutage } from "./banner.js";
import { downloadCsv } from "./csv.js";
import { byId } from "./dom.js";
import { takeFiles } from "./drop.js";
import * as examples from "./examples.js";
import * as list from "./images.js";
import * as keys from "./keys.js";
import { useMeasured } from "./measured.js";
import { explain } from "./messages.js";
import * as order from "./order.js";
import * as printing from "./print.js";
import { useLimit } from "./picture.js";
import { useCalibration } from "./prevalence.js";
import { probabilityWords, showNothing, showResult } from "./result.js";
import { megabytes, Session } from "./session.js";
import * as table from "./table.js";
import { askToken, forgetToken, prepareToken, recallToken } from "./token.js";
import { verdictWords } from "./triage.js";
import * as viewer from "./viewer.js";

let config = null;
let session = null;
let chosen = null;
let asking = null; // the words of the token dialog; null if the service asks for no token
const early = []; // files added before the configuration was loaded

async function begin() {
    hideBanner();
    try {
        config = await getConfig();
    } catch (failure) {
        showBanner(failure, begin);
        return;
    }
    showConfig(config);
    useLimit(config);
    byId("size-limit").textContent =
        `, up to ${megabytes(config.uploads ? config.max_image_bytes : config.max_direct_bytes)} each`;
    if (config.uploads && config.max_image_bytes > config.max_direct_bytes) {
        byId("privacy").textContent +=
            ` Images above ${megabytes(config.max_direct_bytes)} pass through the service's upload storage and are ` +
            "deleted later.";
    }
    session = startSession();
    if (early.length > 0) session.add(early.splice(0));
    asking = await prepareToken(config.auth);
    byId("change-token").hidden = asking === null;
    if (asking !== null && !recallToken()) await enter();
    else await welcome();
}

function startSession() {
    const made = new Session(config);
    const on = (name, act) => made.addEventListener(name, ({ detail }) => act(detail));
    on("added", added);
    on("changed", changed);
    on("removed", removed);
    on("restored", added);
    on("unauthorized", () => enter(asking?.refused));
    on("paused", (failure) => showOutage(failure, () => made.probe()));
    on("resumed", hideBanner);
    return made;
}

/** Ask for the token, then continue. Without a token the images wait, and a banner says why. */
async function enter(refused) {
    if (asking === null) {
        showBanner({ code: "forbidden" }, welcome);
        return;
    }
    if (refused !== undefined) forgetToken();
    const card = await askToken(refused);
    if (card === null) {
        if (recallToken()) return; // the change was cancelled
        showBanner({ title: `Images are sent after you enter ${asking.what}`, detail: asking.why }, enter, asking.give);
        return;
    }
    hideBanner();
    takeCard(card);
}

async function welcome() {
    hideBanner();
    let card;
    try {
        card = await getModel();
    } catch (failure) {
        if (failure.code === "unauthorized") await enter(asking?.refused ?? "");
        else showBanner(failure, welcome);
        return;
    }
    takeCard(card);
}

/** Take the model card. Probabilities have no meaning without it, so no image is sent before the card is there. */
function takeCard(card) {
    useCalibration(card);
    useMeasured(card);
    showMeasured(card);
    session.release();
}

function added(images) {
    list.addItems(images, see, (image) => session.remove([image]));
    table.addRows(images, see);
    for (const image of images) if (image.heatmap) list.drawFrom(image, image.heatmap);
    order.showAll();
    arrange();
    if (chosen === null) {
        const focusIsLost = byId("drop").contains(document.activeElement);
        showDesk(true);
        choose(images[0]);
        if (focusIsLost) list.focusItem(images[0]);
    }
    count();
}

function changed(image) {
    list.updateItem(image);
    table.updateRow(image);
    if (image === chosen) showVerdict();
    if (image.state === "done") {
        if (image.heatmap) list.drawFrom(image, image.heatmap);
        announce(`${image.file.name}: ${verdictWords(image.answer)}, ${probabilityWords(image.answer)}`);
    }
    if (image.state === "failed") announce(`${image.file.name}: ${explain(image.failure).title}`);
    if (["done", "failed"].includes(image.state)) {
        if (image === chosen) viewer.show(image);
        if (order.isArranged()) arrange();
    }
    count();
}

function removed(images) {
    list.removeItems(images);
    table.removeRows(images);
    const words = images.length === 1 ? `${images[0].file.name} removed` : "All images removed";
    offerUndo(
        `${words}.`,
        () => session.restore(),
        () => session.forgetRemoved(),
    );
    announce(words);
    if (session.images.length === 0) {
        chosen = null;
        viewer.empty();
        showNothing();
        showDesk(false);
        byId("choose").focus();
    } else {
        arrange();
        const left = order.arranged(session.images);
        const next = left.find(({ number }) => number > chosen.number) ?? left.at(-1) ?? session.images[0];
        if (images.includes(chosen)) choose(next);
        list.focusItem(chosen);
    }
    count();
}

function choose(image) {
    chosen = image;
    list.markChosen(image);
    table.markRow(image);
    showVerdict();
    viewer.show(image);
}

/** Choose an image and scroll to the viewer. */
function see(image) {
    choose(image);
    byId("view").scrollIntoView({ block: "nearest" });
}

/** Choose the image `by` places further down the list. */
function step(by) {
    const images = order.arranged(session.images);
    const next = images[images.indexOf(chosen) + by];
    if (next) choose(next);
}

/** Choose the image at a place of the list; a negative place counts from the end. */
function jump(place) {
    const image = order.arranged(session.images).at(place);
    if (image) choose(image);
}

function arrange() {
    const images = order.arranged(session.images);
    list.arrange(images);
    table.arrange(images);
    byId("images-none").hidden = images.length > 0;
    byId("images-none").textContent =
        session.images.length > 0 ? "No matching images." : "No images yet. Results appear here, one row per image.";
}

function showDesk(shown) {
    document.body.classList.toggle("empty", !shown);
    byId("drop").hidden = shown;
    byId("view").hidden = !shown;
    if (!shown) byId("images-none").hidden = false;
}

function showVerdict() {
    showResult(chosen, config, {
        retry: (failed, options) => session.retry(failed, options),
        prevalenceChosen: () => {
            for (const image of session.images) {
                list.updateItem(image);
                table.updateRow(image);
            }
            showVerdict();
        },
    });
}

function count() {
    const { images } = session;
    byId("images-count").textContent = images.length > 0 ? String(images.length) : "";
    byId("session-count").textContent = table.counts(images);
    byId("clear").disabled = images.length === 0;
    byId("export").disabled = !images.some(({ state }) => state === "done" || state === "failed");
    byId("print-images").disabled = !images.some(({ state }) => state === "done");
    byId("retry-all").hidden = session.retriable().length === 0;
}

function take(files) {
    if (session === null) early.push(...files);
    else session.add(files);
}

function announce(words) {
    byId("announcer").textContent = words;
}

viewer.start(keys.reset);
keys.start({ step, jump });
order.start(arrange);
printing.start(() => {
    const images = order.arranged(session.images).filter(({ state }) => state === "done");
    printing.printImages(images, config);
});
showNothing();
takeFiles(take);
examples.start(take);
byId("change-token").addEventListener("click", () => enter());
byId("clear").addEventListener("click", () => session.remove(session.images));
byId("retry-all").addEventListener("click", () => session.retryAll());
byId("export").addEventListener("click", () => downloadCsv(session.images));
addEventListener("beforeunload", (event) => {
    // Nothing is stored: leaving the page loses the results.
    if (session?.images.some(({ state }) => state === "done")) event.preventDefault();
});
begin();
