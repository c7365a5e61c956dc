// Puts the page together: what the service says of itself, the session, and what shows it.

import { showConfig, showMeasured } from "./about.js";
import { getConfig, getModel } from "./api.js";
import { hideBanner, offerUndo, showBanner, showOutage } from "./banner.js";
import { downloadCsv } from "./csv.js";
import { byId } from "./dom.js";
import { takeFiles } from "./drop.js";
import * as examples from "./examples.js";
import * as list from "./films.js";
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
    useLimit(config);
    byId("size-limit").textContent =
        `, up to ${megabytes(config.uploads ? config.max_image_bytes : config.max_direct_bytes)}`;
    if (config.uploads && config.max_image_bytes > config.max_direct_bytes) {
        byId("privacy").textContent +=
            ` Those above ${megabytes(config.max_direct_bytes)} pass through its upload storage and are deleted later.`;
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

/** What the model card tells: without it a number has no meaning, so that no film is sent before. */
function takeCard(card) {
    useCalibration(card);
    useMeasured(card);
    showMeasured(card);
    session.release();
}

function added(films) {
    list.addItems(films, see, (film) => session.remove([film]));
    table.addRows(films, see);
    for (const film of films) if (film.heatmap) list.drawFrom(film, film.heatmap);
    order.showAll();
    arrange();
    if (chosen === null) {
        const focusIsLost = byId("drop").contains(document.activeElement);
        showDesk(true);
        choose(films[0]);
        if (focusIsLost) list.focusItem(films[0]);
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
    if (["done", "failed"].includes(film.state)) {
        if (film === chosen) viewer.show(film);
        if (order.isArranged()) arrange();
    }
    count();
}

function removed(films) {
    list.removeItems(films);
    table.removeRows(films);
    const words = films.length === 1 ? `${films[0].file.name} removed` : "All films removed";
    offerUndo(
        `${words}.`,
        () => session.restore(),
        () => session.forgetRemoved(),
    );
    announce(words);
    if (session.films.length === 0) {
        chosen = null;
        viewer.empty();
        showNothing();
        showDesk(false);
        byId("choose").focus();
    } else {
        arrange();
        const left = order.arranged(session.films);
        const next = left.find(({ number }) => number > chosen.number) ?? left.at(-1) ?? session.films[0];
        if (films.includes(chosen)) choose(next);
        list.focusItem(chosen);
    }
    count();
}

function choose(film) {
    chosen = film;
    list.markChosen(film);
    table.markRow(film);
    showVerdict();
    viewer.show(film);
}

/** Choose a film where it may be far from the viewer. */
function see(film) {
    choose(film);
    byId("view").scrollIntoView({ block: "nearest" });
}

/** To the film some places further in the list; `place` counts from its beginning, or from its end if negative. */
function step(by) {
    const films = order.arranged(session.films);
    const next = films[films.indexOf(chosen) + by];
    if (next) choose(next);
}

function jump(place) {
    const film = order.arranged(session.films).at(place);
    if (film) choose(film);
}

function arrange() {
    const films = order.arranged(session.films);
    list.arrange(films);
    table.arrange(films);
    byId("films-none").hidden = films.length > 0;
    byId("films-none").textContent =
        session.films.length > 0 ? "No such film." : "No films yet. Results appear here, one row a film.";
}

function showDesk(shown) {
    document.body.classList.toggle("empty", !shown);
    byId("drop").hidden = shown;
    byId("view").hidden = !shown;
    if (!shown) byId("films-none").hidden = false;
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

function count() {
    const { films } = session;
    byId("films-count").textContent = films.length > 0 ? String(films.length) : "";
    byId("session-count").textContent = table.counts(films);
    byId("clear").disabled = films.length === 0;
    byId("export").disabled = !films.some(({ state }) => state === "done" || state === "failed");
    byId("print-films").disabled = !films.some(({ state }) => state === "done");
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
    const films = order.arranged(session.films).filter(({ state }) => state === "done");
    printing.printFilms(films, config);
});
showNothing();
takeFiles(take);
examples.start(take);
byId("change-token").addEventListener("click", () => enter());
byId("clear").addEventListener("click", () => session.remove(session.films));
byId("retry-all").addEventListener("click", () => session.retryAll());
byId("export").addEventListener("click", () => downloadCsv(session.films));
addEventListener("beforeunload", (event) => {
    // Nothing is stored: whoever leaves loses the answers.
    if (session?.films.some(({ state }) => state === "done")) event.preventDefault();
});
begin();
