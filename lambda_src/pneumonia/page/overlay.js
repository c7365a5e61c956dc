// What lies over a film: the heat and the outline of the lungs, from whichever form the answer has them in.

import { fromMap, separate } from "./heat.js";
import { lungsOf } from "./lungs.js";

/**
 * @param {{answer: object|null, heatmap: Blob|null, evidence: object|null}} film
 * @returns {Promise<{film: HTMLCanvasElement|null, heat: HTMLCanvasElement|null, evidence: boolean, lungs: object|null}
 *   |null>} as of heat.js, with the map of the lungs; null where the answer has neither map nor picture
 */
export async function overlayOf(film) {
    if (film.evidence) return { ...fromMap(film.evidence, film.answer.image), lungs: film.evidence.lungs };
    if (!film.heatmap) return null;
    const [overlay, lungs] = await Promise.all([createImageBitmap(film.heatmap), lungsOf(film.heatmap)]);
    const parts = separate(overlay, film.answer.image);
    overlay.close();
    return { ...parts, lungs };
}
