// The table of the session: one row a film, and its counts in words.

import { failedChip, underCaveat, verdictChip } from "./chips.js";
import { byId, element } from "./dom.js";
import { explain } from "./messages.js";
import { middle } from "./names.js";
import { shown } from "./prevalence.js";
import { CAVEATS, groupOf, percent, TRIAGE } from "./triage.js";

const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });

const body = byId("rows");
const rows = new Map(); // film -> its row

/** Add rows; `choose` is called with a film when its name is used. */
export function addRows(films, choose) {
    for (const film of films) {
        rows.set(film, { row: element("tr"), choose });
        body.append(rows.get(film).row);
        updateRow(film);
    }
}

/** Show the state of a film again. */
export function updateRow(film) {
    const { row, choose } = rows.get(film);
    const { answer } = film;
    const number = answer ? percent(shown(answer.pneumonia)) : "";
    const state = `${film.state} ${number}`;
    if (row.dataset.state === state) return; // a share more sent: nothing of it stands here
    row.dataset.state = state;
    const name = element("button", { type: "button", className: "link", onclick: () => choose(film) }, middle(film.file.name));
    row.replaceChildren(
        element("th", { scope: "row" }, name),
        element("td", {}, triageCell(film)),
        element("td", { className: "number" }, number),
        element(
            "td",
            { className: "extra" },
            answer ? `${answer.image.width} × ${answer.image.height} ${answer.image.format.toUpperCase()}` : "",
        ),
        element("td", { className: "extra less" }, answer ? `${answer.model.name} ${answer.model.version}` : ""),
        element("td", { className: "extra" }, film.finished ? CLOCK.format(film.finished) : ""),
    );
}

/** Mark the film that is shown. */
export function markRow(chosen) {
    for (const [film, { row }] of rows) row.classList.toggle("chosen", film === chosen);
}

/** Show the rows of these films in this order, and hide all others. */
export function arrange(films) {
    body.replaceChildren(...films.map((film) => rows.get(film).row));
}

/** Remove the rows of films. */
export function removeRows(films) {
    for (const film of films) {
        rows.get(film).row.remove();
        rows.delete(film);
    }
}

/** How many films there are of each outcome: "8 films: 3 likely pneumonia, 5 likely normal". */
export function counts(films) {
    if (films.length === 0) return "";
    const groups = { ...TRIAGE, ...CAVEATS, failed: { words: "without an answer" }, pending: { words: "under way" } };
    const parts = Object.entries(groups).map(([group, { words }]) => [
        films.filter((film) => groupOf(film) === group).length,
        words.toLowerCase(),
    ]);
    const said = parts.filter(([count]) => count > 0).map(([count, words]) => `${count} ${words}`);
    return `${films.length} ${films.length === 1 ? "film" : "films"}: ${said.join(", ")}`;
}

function triageCell(film) {
    if (film.state === "done") {
        return element("span", { className: "verdict-cell" }, verdictChip(film.answer), underCaveat(film.answer));
    }
    if (film.state === "failed") return failedChip(explain(film.failure).title);
    return element("span", { className: "dim" }, film.state === "waiting" ? "Waiting" : "Under way");
}
