// File names, cut in the middle if they are too long: names often differ only at the end.

import { element } from "./dom.js";

const TAIL = 12; // characters that are always shown: the extension and the numbers before it

/** Create an element that shortens the beginning of a long name. The text of the element is the whole name. */
export function middle(name) {
    const split = Math.max(0, name.length - TAIL);
    return element(
        "span",
        { className: "name", title: name },
        element("span", { className: "name-head" }, name.slice(0, split)),
        element("span", { className: "name-tail" }, name.slice(split)),
    );
}
