// In which order films are listed, and which of them.

import { byId, element } from "./dom.js";
import { CAVEATS, groupOf, TRIAGE } from "./triage.js";

const GROUPS = { ...TRIAGE, ...CAVEATS, failed: { words: "Without an answer" } };

const order = byId("order");
const filter = byId("filter");

/** Call `changed` when another order or filter is chosen; once, at the start. */
export function start(changed) {
    const options = Object.entries(GROUPS).map(([group, { words }]) => element("option", { value: group }, words));
    filter.append(...options);
    for (const select of [order, filter]) select.addEventListener("change", changed);
}

/** The films to be seen, in their order: as they were added, or by risk, those without an answer last. */
export function arranged(films) {
    const wanted = films.filter((film) => filter.value === "all" || groupOf(film) === filter.value);
    if (order.value === "added") return wanted;
    const risk = ({ answer }) => answer?.pneumonia ?? -1;
    return wanted.sort((one, other) => risk(other) - risk(one));
}

/** Whether another answer may change what is seen, or where. */
export const isArranged = () => order.value !== "added" || filter.value !== "all";

/** Back to all films, for one that must be seen. */
export function showAll() {
    filter.value = "all";
}
