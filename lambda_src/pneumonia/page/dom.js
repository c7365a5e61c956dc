// Elements without markup strings: whatever a file is called or a service says stays text.

const SVG = "http://www.w3.org/2000/svg";

/** The element of this page with an id. */
export const byId = (id) => document.getElementById(id);

/** A new element. `properties` are set as properties; `aria`, `data` and `attributes` as attributes. */
export function element(tag, properties = {}, ...children) {
    const made = document.createElement(tag);
    const { aria = {}, data = {}, attributes = {}, ...rest } = properties;
    Object.assign(made, rest);
    for (const [name, value] of Object.entries(aria)) made.setAttribute(`aria-${name}`, value);
    for (const [name, value] of Object.entries(data)) made.dataset[name] = value;
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children.filter((child) => child !== null && child !== undefined));
    return made;
}

/** A small decorative drawing from SVG path data; colour and size come from the style sheet. */
export function drawing(path, className) {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 24 24");
    svg.setAttribute("aria-hidden", "true");
    svg.setAttribute("class", className);
    const shape = document.createElementNS(SVG, "path");
    shape.setAttribute("d", path);
    svg.append(shape);
    return svg;
}
