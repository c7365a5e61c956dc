// Draws the heat. Usually the service sends the evidence as numbers, and `fromMap` draws them. For uploads, and for
// images that the browser cannot show, the service sends a heatmap: one picture with the grey image, colours blended
// over it, and a legend below. The opacity slider and inversion need the image and the colours separately, so
// `separate` splits the heatmap.
//
// Grey has equal channels, so the differences R-G and G-B come from the colours alone. These differences give the
// evidence at each pixel. Removing the colour of the evidence leaves the image. This method does not need the original
// file (DICOM, 16-bit PNG), and both parts fit exactly.

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
// Rounding moves a pixel by less than 2 from the curve of the colours.
const FAR_FROM_CURVE = 8;
const MAX_SHARE_FAR = 0.01;

/** Return the RGB values (0..255) of evidence in 0..1. */
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
 * Split the service's heatmap into the grey image and the heat.
 *
 * @param {ImageBitmap} overlay the heatmap from the service
 * @param {{width: number, height: number}} image size of the image, from the answer
 * @returns {{plain: HTMLCanvasElement, heat: HTMLCanvasElement|null, evidence: boolean}} `plain` is the image without
 *   colours. `heat` is coloured, and its opacity is the evidence. At MAX_OPACITY it looks as the service drew it.
 *   `heat` is null and `plain` the unchanged overlay if the colours are unknown, or if the browser falsifies what
 *   scripts read from a canvas (some do so against fingerprinting).
 */
export function separate(overlay, image) {
    const height = overlay.height - LEGEND_HEIGHT;
    const narrow = overlay.width === MIN_WIDTH;
    const width = narrow
        ? Math.min(MIN_WIDTH, Math.max(1, Math.round((image.width * height) / image.height)))
        : overlay.width;
    const plain = blank(width, height);
    const context = plain.getContext("2d", { willReadFrequently: true });
    context.drawImage(overlay, -Math.floor((overlay.width - width) / 2), 0);
    const plainPixels = context.getImageData(0, 0, width, height);
    const heat = blank(width, height);
    const heatContext = heat.getContext("2d");
    const heatPixels = heatContext.createImageData(width, height);
    const { far, evidence } = split(plainPixels.data, heatPixels.data);
    if (far > MAX_SHARE_FAR * width * height) return { plain, heat: null, evidence: true };
    context.putImageData(plainPixels, 0, 0);
    heatContext.putImageData(heatPixels, 0, 0);
    return { plain, heat, evidence };
}

/**
 * Draw the heat from the numbers of the service. The heat is the same as that of `separate`.
 *
 * @param {{width: number, height: number, heat: number[]}} map evidence in each cell, 0..255, row by row
 * @param {{width: number, height: number}} image size of the image, from the answer
 * @returns {{plain: null, heat: HTMLCanvasElement, evidence: boolean}}
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
    return { plain: null, heat, evidence: levels.some((level) => level > 0) };
}

/** Paint the colour scale along the width of a canvas, from no evidence to the strongest. */
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

/** Remove the colours from the overlay's pixels (RGBA, in place), and write them to the heat layer. */
function split(plain, heat) {
    const found = new Map();
    let far = 0;
    let evidence = false;
    for (let index = 0; index < plain.length; index += 4) {
        const redGreen = plain[index] - plain[index + 1];
        const greenBlue = plain[index + 1] - plain[index + 2];
        const key = redGreen * 1024 + greenBlue;
        let nearest = found.get(key);
        if (nearest === undefined) found.set(key, (nearest = nearestOnCurve(redGreen, greenBlue)));
        const { level, distance } = nearest;
        if (distance > FAR_FROM_CURVE) far += 1;
        if (level === 0) continue;
        evidence = true;
        const { red, green, blue, opacity } = CURVE[level];
        const sum = plain[index] + plain[index + 1] + plain[index + 2] - opacity * (red + green + blue);
        const grey = sum / 3 / (1 - opacity);
        plain[index] = grey;
        plain[index + 1] = grey;
        plain[index + 2] = grey;
        heat.set(PIXELS[level], index);
    }
    return { far, evidence };
}

/** Return a map at another size as levels 0..255, row by row. Bicubic, like the service (Pillow). */
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

/** Return, for every pixel along one side, the cells that it is interpolated from, with their weights. */
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

/** Return the weight of Keys' cubic convolution, a = -0.5. */
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
