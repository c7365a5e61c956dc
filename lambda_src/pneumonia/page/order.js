// Order and filter of the listed images.

import { byId, element } from "./dom.js";
import { CAVEATS, groupOf, TRIAGE } from "./triage.js";

const GROUPS = { ...TRIAGE, ...CAVEATS, failed: { words: "Without a result" } };

const order = byId("order");
const filter = byId("filter");

/** Call `changed` when another order or filter is chosen. Call this once. */
export function start(changed) {
    const options = Object.entries(GROUPS).map(([group, { words }]) => element("option", { value: group }, words));
    filter.append(...options);
    for (const select of [order, filter]) select.addEventListener("change", changed);
}

/**
 * Return the images that the filter shows, in the order in which they were added or by descending risk. In an order by
 * risk, images without a result come last.
 */
export function arranged(images) {
    const wanted = images.filter((image) => filter.value === "all" || groupOf(image) === filter.value);
    if (order.value === "added") return wanted;
    const risk = ({ answer }) => answer?.pneumonia ?? -1;
    return wanted.sort((one, other) => risk(other) - risk(one));
}

/** Return whether a new result may change the list. */
export const isArranged = () => order.value !== "added" || filter.value !== "all";

/** Show all images again, so that a new one is visible. */
export function showAll() {
    filter.value = "all";
}
