// File names, cut in the middle where they are too long: what tells films apart often stands at the end.

import { element } from "./dom.js";

const TAIL = 12; // characters that always stay: an extension, and the numbers before it

/** A name as an element whose beginning gives way; its text is the whole name. */
export function middle(name) {
    const split = Math.max(0, name.length - TAIL);
    return element(
        "span",
        { className: "name", title: name },
        element("span", { className: "name-head" }, name.slice(0, split)),
        element("span", { className: "name-tail" }, name.slice(split)),
    );
}
