// The table of the session: one row per image, and its counts in words.

import { failedChip, underCaveat, verdictChip } from "./chips.js";
import { byId, element } from "./dom.js";
import { explain } from "./messages.js";
import { middle } from "./names.js";
import { shown } from "./prevalence.js";
import { CAVEATS, groupOf, percent, TRIAGE } from "./triage.js";

const CLOCK = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });

const body = byId("rows");
const rows = new Map(); // image -> its row

/** Add rows. `choose` is called with an image when its name is clicked. */
export function addRows(images, choose) {
    for (const image of images) {
        rows.set(image, { row: element("tr"), choose });
        body.append(rows.get(image).row);
        updateRow(image);
    }
}

/** Show the current state of an image. */
export function updateRow(image) {
    const { row, choose } = rows.get(image);
    const { answer } = image;
    const number = answer ? percent(shown(answer.pneumonia)) : "";
    const state = `${image.state} ${number}`;
    if (row.dataset.state === state) return; // the share sent is not shown here
    row.dataset.state = state;
    const name = element(
        "button",
        { type: "button", className: "link", onclick: () => choose(image) },
        middle(image.file.name),
    );
    row.replaceChildren(
        element("th", { scope: "row" }, name),
        element("td", {}, triageCell(image)),
        element("td", { className: "number" }, number),
        element(
            "td",
            { className: "extra" },
            answer ? `${answer.image.width} × ${answer.image.height} ${answer.image.format.toUpperCase()}` : "",
        ),
        element("td", { className: "extra less" }, answer ? `${answer.model.name} ${answer.model.version}` : ""),
        element("td", { className: "extra" }, image.finished ? CLOCK.format(image.finished) : ""),
    );
}

/** Mark the image that is shown. */
export function markRow(chosen) {
    for (const [image, { row }] of rows) row.classList.toggle("chosen", image === chosen);
}

/** Show the rows of these images in this order, and hide all others. */
export function arrange(images) {
    body.replaceChildren(...images.map((image) => rows.get(image).row));
}

/** Remove the rows of images. */
export function removeRows(images) {
    for (const image of images) {
        rows.get(image).row.remove();
        rows.delete(image);
    }
}

/** Return the counts of each outcome: "8 images: 3 likely pneumonia, 5 likely normal". */
export function counts(images) {
    if (images.length === 0) return "";
    const groups = { ...TRIAGE, ...CAVEATS, failed: { words: "without a result" }, pending: { words: "in progress" } };
    const parts = Object.entries(groups).map(([group, { words }]) => [
        images.filter((image) => groupOf(image) === group).length,
        words.toLowerCase(),
    ]);
    const said = parts.filter(([count]) => count > 0).map(([count, words]) => `${count} ${words}`);
    return `${images.length} ${images.length === 1 ? "image" : "images"}: ${said.join(", ")}`;
}

function triageCell(image) {
    if (image.state === "done") {
        return element("span", { className: "verdict-cell" }, verdictChip(image.answer), underCaveat(image.answer));
    }
    if (image.state === "failed") return failedChip(explain(image.failure).title);
    return element("span", { className: "dim" }, image.state === "waiting" ? "Waiting" : "In progress");
}
