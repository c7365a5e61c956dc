// Images of more than 8 bits. Browsers decode only the upper 8 bits of a 16-bit PNG. This module reads all bits, so
// that the grey window works on the original samples.

const SIGNATURE_BYTES = 8;
const GREY = 0;

/**
 * Read a grey, non-interlaced PNG of 8 or 16 bits, as the service sends it.
 * @param {Blob} png
 * @param {{bits: number, black: number, white: number}} depth `bits`: number of significant bits, which are the highest
 *   bits of a sample; `black`, `white`: the samples that are shown black and white
 * @returns {Promise<{width: number, height: number, samples: Uint16Array, most: number, levels: number, black: number,
 *   white: number}>} `most`: the greatest possible sample of the PNG; `levels`: the greatest possible sample of the
 *   original image
 */
export async function readDeep(png, { bits, black, white }) {
    const bytes = new DataView(await png.arrayBuffer());
    const [width, height] = [bytes.getUint32(16), bytes.getUint32(20)];
    const [depth, colour] = [bytes.getUint8(24), bytes.getUint8(25)];
    if (colour !== GREY || (depth !== 8 && depth !== 16)) throw new Error("no grey PNG");
    const packed = new Blob(dataOf(bytes));
    const stream = packed.stream().pipeThrough(new DecompressionStream("deflate"));
    const lines = new Uint8Array(await new Response(stream).arrayBuffer());
    const samples = unfiltered(lines, width, height, depth / 8);
    return { width, height, samples, most: 2 ** depth - 1, levels: 2 ** bits - 1, black, white };
}

/** Paint samples on a canvas: those up to `black` are black, those from `white` are white. */
export function paintDeep(canvas, { width, height, samples }, black, white) {
    canvas.width = width;
    canvas.height = height;
    const context = canvas.getContext("2d");
    const pixels = context.createImageData(width, height);
    const words = new Uint32Array(pixels.data.buffer);
    const colours = new Uint32Array(65536);
    for (let sample = 0; sample < colours.length; sample += 1) {
        const grey = Math.round(255 * Math.min(1, Math.max(0, (sample - black) / (white - black))));
        colours[sample] = (0xff000000 | (grey << 16) | (grey << 8) | grey) >>> 0;
    }
    for (let index = 0; index < samples.length; index += 1) words[index] = colours[samples[index]];
    context.putImageData(pixels, 0, 0);
}

function dataOf(bytes) {
    const parts = [];
    for (let place = SIGNATURE_BYTES; place + 12 <= bytes.byteLength; ) {
        const length = bytes.getUint32(place);
        const isData = bytes.getUint32(place + 4) === 0x49444154; // IDAT
        if (isData) parts.push(new Uint8Array(bytes.buffer, place + 8, length));
        place += 12 + length;
    }
    return parts;
}

/** Undo the filters of the lines in place (PNG specification, section 9), and return the samples. */
function unfiltered(lines, width, height, sampleBytes) {
    const stride = width * sampleBytes;
    const samples = new Uint16Array(width * height);
    let before = new Uint8Array(stride);
    for (let row = 0; row < height; row += 1) {
        const start = row * (stride + 1);
        const line = lines.subarray(start + 1, start + 1 + stride);
        undo(lines[start], line, before, sampleBytes);
        for (let column = 0; column < width; column += 1) {
            samples[row * width + column] =
                sampleBytes === 1 ? line[column] : (line[2 * column] << 8) | line[2 * column + 1];
        }
        before = line;
    }
    return samples;
}

function undo(filter, line, above, sampleBytes) {
    if (filter === 0) return;
    for (let index = 0; index < line.length; index += 1) {
        const left = index < sampleBytes ? 0 : line[index - sampleBytes];
        const up = above[index];
        if (filter === 1) line[index] += left;
        else if (filter === 2) line[index] += up;
        else if (filter === 3) line[index] += (left + up) >> 1;
        else line[index] += nearest(left, up, index < sampleBytes ? 0 : above[index - sampleBytes]);
    }
}

function nearest(left, up, corner) {
    const guess = left + up - corner;
    const [toLeft, toUp, toCorner] = [Math.abs(guess - left), Math.abs(guess - up), Math.abs(guess - corner)];
    if (toLeft <= toUp && toLeft <= toCorner) return left;
    return toUp <= toCorner ? up : corner;
}
