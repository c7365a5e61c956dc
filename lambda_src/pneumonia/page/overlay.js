// The overlays of an image: heat and outline of the lungs, from the numbers or the heatmap of the answer.

import { fromMap, separate } from "./heat.js";
import { lungsOf } from "./lungs.js";

/**
 * Return the overlays of an image.
 * @param {{answer: object|null, heatmap: Blob|null, evidence: object|null}} image
 * @returns {Promise<{plain: HTMLCanvasElement|null, heat: HTMLCanvasElement|null, evidence: boolean,
 *   lungs: object|null}|null>} as in heat.js, with the map of the lungs; null if the answer has neither numbers nor a
 *   heatmap
 */
export async function overlayOf(image) {
    if (image.evidence) return { ...fromMap(image.evidence, image.answer.image), lungs: image.evidence.lungs };
    if (!image.heatmap) return null;
    const [overlay, lungs] = await Promise.all([createImageBitmap(image.heatmap), lungsOf(image.heatmap)]);
    const parts = separate(overlay, image.answer.image);
    overlay.close();
    return { ...parts, lungs };
}
