// The pixels of an image at full bit depth: from the browser if it can show the file, otherwise from the service.

import { getPicture } from "./api.js";
import { readDeep } from "./deep.js";
import { contentType, decode } from "./preview.js";

let limit = 0; // bytes that fit into a request

/** Take the size limit of direct requests from the service's configuration. */
export function useLimit({ max_direct_bytes: bytes }) {
    limit = bytes;
}

/**
 * Return the pixels of an image as `bitmap` (which the caller must close) or as `deep` samples; null if there are none,
 * or none yet. If `reduced`, the picture is smaller than the original, whose size is `whole`. `bits` is the number of
 * bits that each sample uses.
 * @returns {Promise<{bitmap?: ImageBitmap, deep?: object, bits?: number, reduced?: boolean, whole?: object}|null>}
 */
export async function pictureOf(image) {
    const bitmap = await decode(image.file);
    if (bitmap !== null) return { bitmap };
    // Wait for the result first: a preview must not take one of the few calls that an account may make at once.
    if (image.state !== "done" && image.state !== "failed") return null;
    if (image.file.size === 0 || image.file.size > limit) return null;
    // Keep the promise, so that simultaneous calls send one request. The picture stays compressed to save memory.
    image.picture ??= contentType(image.file).then((type) => getPicture(image.file, type));
    const found = await image.picture;
    if (found === null) return null;
    try {
        return { ...found, deep: await readDeep(found.png, found) };
    } catch {
        return null; // an unknown form of PNG
    }
}
