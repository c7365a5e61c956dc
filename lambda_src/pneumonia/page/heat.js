// The evidence comes as numbers (fromMap), or in the service's heatmap (separate), for a film that the browser cannot
// show, and for an upload. That is one picture: a grey film with colours blended over it, and a legend below. An
// opacity slider and an inverted film need the two apart again. Grey has no difference between its channels,
// so the differences R-G and G-B come from the colours alone: they tell how much evidence there is at a
// pixel, and what is left is the film. So it works without the original too (DICOM, 16-bit PNG), and fits
// the film exactly.

// As in the service's pneumonia/model/heatmap.py; a test compares them.
export const INFERNO = [
    [0, 0, 4],
    [11, 7, 36],
    [33, 12, 74],
    [61, 9, 101],
    [87, 16, 110],
    [113, 25, 110],
    [138, 34, 106],
    [163, 44, 97],
    [188, 55, 84],
    [210, 70, 68],
    [228, 90, 49],
    [241, 115, 29],
    [249, 142, 9],
    [252, 172, 17],
    [249, 203, 53],
    [242, 234, 105],
    [252, 255, 164],
];
export const MAX_OPACITY = 0.6;
export const MIN_WIDTH = 192;
export const LEGEND_HEIGHT = 36;
export const MAX_SIDE = 512;

const LEVELS = 256;
// Rounding alone moves a pixel by less than 2 from the curve of the colours.
const FAR_FROM_CURVE = 8;
const MAX_SHARE_FAR = 0.01;

/** RGB in 0..255 of evidence in 0..1. */
export function colourOf(heat) {
    const position = heat * (INFERNO.length - 1);
    const low = Math.min(Math.floor(position), INFERNO.length - 2);
    const share = position - low;
    return INFERNO[low].map((value, channel) => value * (1 - share) + INFERNO[low + 1][channel] * share);
}

const CURVE = Array.from({ length: LEVELS }, (_, level) => {
    const heat = level / (LEVELS - 1);
    const opacity = MAX_OPACITY * heat;
    const [red, green, blue] = colourOf(heat);
    return { red, green, blue, opacity, redGreen: (red - green) * opacity, greenBlue: (green - blue) * opacity };
});

/** Red, green, blue and opacity of the heat layer, by evidence 0..255. */
const PIXELS = CURVE.map(({ red, green, blue }, level) =>
    Uint8ClampedArray.from(level === 0 ? [0, 0, 0, 0] : [red, green, blue, level]),
);

/**
 * Take the service's heatmap apart.
 *
 * @param {ImageBitmap} overlay the heatmap as answered
 * @param {{width: number, height: number}} image size of the film as answered
 * @returns {{film: HTMLCanvasElement, heat: HTMLCanvasElement|null, evidence: boolean}} `heat` is coloured and
 *   as opaque as the evidence is strong (to be shown at MAX_OPACITY to look as the service drew it). It is
 *   null, and `film` the overlay as it came, if the picture does not follow the colours known here or the
 *   browser falsifies what scripts read from a canvas (some do so to prevent fingerprinting).
 */
export function separate(overlay, image) {
    const height = overlay.height - LEGEND_HEIGHT;
    const narrow = overlay.width === MIN_WIDTH;
    const width = narrow
        ? Math.min(MIN_WIDTH, Math.max(1, Math.round((image.width * height) / image.height)))
        : overlay.width;
    const film = blank(width, height);
    const context = film.getContext("2d", { willReadFrequently: true });
    context.drawImage(overlay, -Math.floor((overlay.width - width) / 2), 0);
    const filmPixels = context.getImageData(0, 0, width, height);
    const heat = blank(width, height);
    const heatContext = heat.getContext("2d");
    const heatPixels = heatContext.createImageData(width, height);
    const { far, evidence } = split(filmPixels.data, heatPixels.data);
    if (far > MAX_SHARE_FAR * width * height) return { film, heat: null, evidence: true };
    context.putImageData(filmPixels, 0, 0);
    heatContext.putImageData(heatPixels, 0, 0);
    return { film, heat, evidence };
}

/**
 * Draw the heat from the numbers that the service draws it from: what `separate` finds in its picture.
 *
 * @param {{width: number, height: number, heat: number[]}} map evidence in each cell, 0..255, row by row
 * @param {{width: number, height: number}} image size of the film as answered
 * @returns {{film: null, heat: HTMLCanvasElement, evidence: boolean}}
 */
export function fromMap(map, image) {
    const scale = Math.min(1, MAX_SIDE / Math.max(image.width, image.height));
    const width = Math.max(1, Math.round(image.width * scale));
    const height = Math.max(1, Math.round(image.height * scale));
    const levels = enlarged(map, width, height);
    const heat = blank(width, height);
    const context = heat.getContext("2d");
    const pixels = context.createImageData(width, height);
    levels.forEach((level, index) => pixels.data.set(PIXELS[level], 4 * index));
    context.putImageData(pixels, 0, 0);
    return { film: null, heat, evidence: levels.some((level) => level > 0) };
}

/** Paint the colours from no to most evidence along the width of a canvas. */
export function drawLegend(canvas) {
    const context = canvas.getContext("2d");
    for (let x = 0; x < canvas.width; x += 1) {
        context.fillStyle = `rgb(${colourOf(x / (canvas.width - 1))
            .map(Math.round)
            .join(" ")})`;
        context.fillRect(x, 0, 1, canvas.height);
    }
}

function blank(width, height) {
    const canvas = document.createElement("canvas");
    canvas.width = width;
    canvas.height = height;
    return canvas;
}

/** Turn the overlay's pixels (RGBA, in place) into the film's, and write those of the heat layer. */
function split(film, heat) {
    const found = new Map();
    let far = 0;
    let evidence = false;
    for (let index = 0; index < film.length; index += 4) {
        const redGreen = film[index] - film[index + 1];
        const greenBlue = film[index + 1] - film[index + 2];
        const key = redGreen * 1024 + greenBlue;
        let nearest = found.get(key);
        if (nearest === undefined) found.set(key, (nearest = nearestOnCurve(redGreen, greenBlue)));
        const { level, distance } = nearest;
        if (distance > FAR_FROM_CURVE) far += 1;
        if (level === 0) continue;
        evidence = true;
        const { red, green, blue, opacity } = CURVE[level];
        const sum = film[index] + film[index + 1] + film[index + 2] - opacity * (red + green + blue);
        const grey = sum / 3 / (1 - opacity);
        film[index] = grey;
        film[index + 1] = grey;
        film[index + 2] = grey;
        heat.set(PIXELS[level], index);
    }
    return { far, evidence };
}

/** A map at another size, bicubic as the service does it (Pillow): levels 0..255, row by row. */
function enlarged(map, width, height) {
    const across = cubicWeights(map.width, width);
    const down = cubicWeights(map.height, height);
    const wide = Array.from({ length: map.height }, (_, row) =>
        across.map(({ first, weights }) => sum(weights, (place) => map.heat[row * map.width + first + place])),
    );
    const levels = new Uint8ClampedArray(width * height); // rounds and clips
    down.forEach(({ first, weights }, row) => {
        for (let column = 0; column < width; column += 1) {
            levels[row * width + column] = sum(weights, (place) => wide[first + place][column]);
        }
    });
    return levels;
}

/** Which cells make a pixel, and how much of each: for every pixel along one side. */
function cubicWeights(cells, pixels) {
    return Array.from({ length: pixels }, (_, pixel) => {
        const middle = ((pixel + 0.5) * cells) / pixels;
        const first = Math.max(0, Math.floor(middle - 1.5));
        const last = Math.min(cells, Math.floor(middle + 2.5));
        const weights = Array.from({ length: last - first }, (_, place) => cubic(first + place - middle + 0.5));
        const total = sum(weights, () => 1);
        return { first, weights: weights.map((weight) => weight / total) };
    });
}

/** Keys' cubic convolution, a = -0.5. */
function cubic(distance) {
    const x = Math.abs(distance);
    if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
    return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

const sum = (weights, valueAt) => weights.reduce((total, weight, place) => total + weight * valueAt(place), 0);

function nearestOnCurve(redGreen, greenBlue) {
    let level = 0;
    let least = Infinity;
    for (let candidate = 0; candidate < LEVELS; candidate += 1) {
        const square = (redGreen - CURVE[candidate].redGreen) ** 2 + (greenBlue - CURVE[candidate].greenBlue) ** 2;
        if (square < least) {
            least = square;
            level = candidate;
        }
    }
    return { level, distance: Math.sqrt(least) };
}
