// Creates elements without markup strings, so that file names and answers of the service stay text.

const SVG = "http://www.w3.org/2000/svg";

/** Return the element with an id. */
export const byId = (id) => document.getElementById(id);

/** Create an element. `aria`, `data` and `attributes` are set as attributes, all other `properties` as properties. */
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

/** Create a small decorative drawing from SVG path data. The style sheet sets its colour and size. */
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
