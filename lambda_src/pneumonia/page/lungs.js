// The outline of the lungs as the model sees them. The service writes its map of the lungs into a text chunk of the
// heatmap. This module reads the map and draws a line around everything that is more than half lung.

const KEYWORD = "Lungs\0"; // as in the service's pneumonia/model/heatmap.py
const HALF = 127.5;
const FINENESS = 8; // points of the line per cell of the map, which is coarse
const SIDE = 1024; // pixels of the drawing, which is stretched over the image

/**
 * Read the map of the lungs from a heatmap.
 * @param {Blob} heatmap a PNG
 * @returns {Promise<{width: number, height: number, share: number[]}|null>} share of lung in each cell, 0..255,
 *   row by row; null if the model has no such map
 */
export async function lungsOf(heatmap) {
    const bytes = new DataView(await heatmap.arrayBuffer());
    for (let place = 8; place + 12 <= bytes.byteLength; ) {
        const length = bytes.getUint32(place);
        const text = latin(bytes, place + 4, Math.min(length + 4, bytes.byteLength - place - 4));
        if (text.startsWith(`tEXt${KEYWORD}`)) return parse(text.slice(4 + KEYWORD.length));
        place += 12 + length;
    }
    return null;
}

/** Draw the outline on a canvas. The canvas gets a fixed size and must be stretched over the image. */
export function drawLungs(canvas, lungs) {
    canvas.width = SIDE;
    canvas.height = SIDE;
    const context = canvas.getContext("2d");
    context.lineCap = "round";
    const lines = outline(lungs);
    for (const [width, colour] of [
        [9, "rgb(0 0 0 / 70%)"],
        [4, "#5ce1e6"],
    ]) {
        context.lineWidth = width;
        context.strokeStyle = colour;
        context.beginPath();
        for (const [from, to] of lines) {
            context.moveTo(from[0] * SIDE, from[1] * SIDE);
            context.lineTo(to[0] * SIDE, to[1] * SIDE);
        }
        context.stroke();
    }
}

function parse(text) {
    const [width, height, cells] = text.split(" ");
    const share = cells.match(/../g).map((digits) => parseInt(digits, 16));
    return { width: Number(width), height: Number(height), share };
}

function latin(bytes, start, length) {
    return String.fromCharCode(...new Uint8Array(bytes.buffer, start, Math.min(length, 4096)));
}

/** Return line segments by marching squares over the smoothed map. Points are shares of width and height. */
function outline(lungs) {
    const columns = lungs.width * FINENESS;
    const rows = lungs.height * FINENESS;
    const value = (column, row) => smooth(lungs, column / FINENESS - 0.5, row / FINENESS - 0.5) - HALF;
    const lines = [];
    for (let row = 0; row < rows; row += 1) {
        for (let column = 0; column < columns; column += 1) {
            const corners = [
                [column, row],
                [column + 1, row],
                [column + 1, row + 1],
                [column, row + 1],
            ];
            const crossings = corners
                .map((corner, index) => crossing(corner, corners[(index + 1) % 4], value))
                .filter((place) => place !== null)
                .map(([x, y]) => [x / columns, y / rows]);
            for (let pair = 0; pair + 1 < crossings.length; pair += 2) {
                lines.push([crossings[pair], crossings[pair + 1]]);
            }
        }
    }
    return lines;
}

function crossing(from, to, value) {
    const [one, other] = [value(...from), value(...to)];
    if (one > 0 === other > 0) return null;
    const share = one / (one - other);
    return [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])];
}

/** Return the map at a point, bilinear between the middles of its cells and constant beyond the outer ones. */
function smooth({ width, height, share }, x, y) {
    const within = (place, count) => Math.min(count - 1, Math.max(0, place));
    const [left, top] = [Math.floor(within(x, width)), Math.floor(within(y, height))];
    const [right, bottom] = [Math.min(left + 1, width - 1), Math.min(top + 1, height - 1)];
    const [across, down] = [within(x, width) - left, within(y, height) - top];
    const upper = share[top * width + left] * (1 - across) + share[top * width + right] * across;
    const lower = share[bottom * width + left] * (1 - across) + share[bottom * width + right] * across;
    return upper * (1 - down) + lower * down;
}
