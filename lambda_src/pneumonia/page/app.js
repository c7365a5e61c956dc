// Puts the page together: what the service says of itself, the session, and what shows it.

import { showConfig, showMeasured } from "./about.js";
import { getConfig, getModel } from "./api.js";
import { downloadCsv } from "./csv.js";
import { byId, element } from "./dom.js";
import { takeFiles } from "./drop.js";
import * as list from "./films.js";
import { useMeasured } from "./measured.js";
import { explain } from "./messages.js";
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
let asking = null; // the words of the dialog for the token, null where the service asks for none
const early = []; // files that came before the service had said what it takes

async function begin() {
    hideBanner();
    try {
        config = await getConfig();
    } catch (failure) {
        showBanner(failure, begin);
        return;
    }
    showConfig(config);
    byId("size-limit").textContent =
        `, up to ${megabytes(config.uploads ? config.max_image_bytes : config.max_direct_bytes)}`;
    if (config.uploads && config.max_image_bytes > config.max_direct_bytes) {
        byId("privacy").textContent +=
            ` Those above ${megabytes(config.max_direct_bytes)} pass through its upload storage and are deleted later.`;
    }
    session = new Session(config);
    session.addEventListener("added", ({ detail }) => added(detail));
    session.addEventListener("changed", ({ detail }) => changed(detail));
    session.addEventListener("cleared", cleared);
    session.addEventListener("unauthorized", () => enter(asking?.refused));
    if (early.length > 0) session.add(early.splice(0));
    asking = await prepareToken(config.auth);
    byId("change-token").hidden = asking === null;
    if (asking !== null && !recallToken()) await enter();
    else await welcome();
}

/** Ask for the token, then go on. Without one the films wait, and a banner says what for. */
async function enter(refused) {
    if (asking === null) {
        showBanner({ code: "forbidden" }, welcome);
        return;
    }
    if (refused !== undefined) forgetToken();
    const card = await askToken(refused);
    if (card === null) {
        if (recallToken()) return; // it was to be changed, and stays
        showBanner(
            { title: `The films wait for ${asking.what}`, detail: asking.why },
            enter,
            asking.give,
        );
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

function added(films) {
    list.addItems(films, choose);
    table.addRows(films, choose);
    if (chosen === null) {
        const focusIsLost = byId("drop").contains(document.activeElement);
        document.body.classList.remove("empty");
        byId("drop").hidden = true;
        byId("view").hidden = false;
        choose(films[0]);
        if (focusIsLost) byId("films").querySelector("button").focus();
    }
    count();
}

function changed(film) {
    list.updateItem(film);
    table.updateRow(film);
    if (film === chosen) showVerdict();
    if (film.state === "done") {
        if (film.heatmap) list.drawFrom(film, film.heatmap);
        announce(`${film.file.name}: ${verdictWords(film.answer)}, ${probabilityWords(film.answer)}`);
    }
    if (film.state === "failed") announce(`${film.file.name}: ${explain(film.failure).title}`);
    if (film === chosen && ["done", "failed"].includes(film.state)) viewer.show(film);
    count();
}

function cleared() {
    chosen = null;
    list.clearItems();
    table.clearRows();
    viewer.empty();
    showNothing();
    document.body.classList.add("empty");
    byId("drop").hidden = false;
    byId("view").hidden = true;
    byId("choose").focus();
    announce("All films removed");
    count();
}

function choose(film) {
    chosen = film;
    list.markChosen(film);
    table.markRow(film);
    showVerdict();
    viewer.show(film);
}

function showVerdict() {
    showResult(chosen, config, {
        retry: (failed, options) => session.retry(failed, options),
        prevalenceChosen: () => {
            for (const film of session.films) {
                list.updateItem(film);
                table.updateRow(film);
            }
            showVerdict();
        },
    });
}

/** What the model card tells: without it a number has no meaning, so that no film is sent before. */
function takeCard(card) {
    useCalibration(card);
    useMeasured(card);
    showMeasured(card);
    session.release();
}

function count() {
    const { films } = session;
    byId("films-count").textContent = films.length > 0 ? String(films.length) : "";
    byId("films-none").hidden = films.length > 0;
    byId("session-count").textContent = table.counts(films);
    byId("clear").disabled = films.length === 0;
    byId("export").disabled = !films.some(({ state }) => state === "done" || state === "failed");
}

function announce(words) {
    byId("announcer").textContent = words;
}

function showBanner(failure, again, action = "Try again") {
    const { title, advice, detail, reference } = explain(failure);
    const words = [`${title}.`, advice, detail, reference && `Reference: ${reference}`].filter(Boolean).join(" ");
    byId("banner").replaceChildren(
        element("p", {}, words),
        element("button", { type: "button", onclick: () => again() }, action),
    );
    byId("banner").hidden = false;
}

function hideBanner() {
    byId("banner").hidden = true;
}

viewer.start();
showNothing();
takeFiles((files) => (session === null ? early.push(...files) : session.add(files)));
byId("change-token").addEventListener("click", () => enter());
byId("clear").addEventListener("click", () => session.clear());
byId("export").addEventListener("click", () => downloadCsv(session.films));
begin();
