// The picture of a film in its own depth: from the browser where it can show the file, else from the service.

import { getPicture } from "./api.js";
import { readDeep } from "./deep.js";
import { contentType, decode } from "./preview.js";

let limit = 0; // bytes that fit into a request

/** Take from the service's config how large a file may be sent to it directly. */
export function useLimit({ max_direct_bytes: bytes }) {
    limit = bytes;
}

/**
 * A film's picture: `bitmap` (to be closed by whoever asked) or `deep` samples; null where there is none yet, or none
 * at all. `reduced`: it had to be made smaller than the film, whose size `whole` is; `bits` that the samples use.
 * @returns {Promise<{bitmap?: ImageBitmap, deep?: object, bits?: number, reduced?: boolean, whole?: object}|null>}
 */
export async function pictureOf(film) {
    const bitmap = await decode(film.file);
    if (bitmap !== null) return { bitmap };
    // Not before the answer: of the few calls that an account may make at once, none is to wait for a look at a film.
    if (film.state !== "done" && film.state !== "failed") return null;
    if (film.file.size === 0 || film.file.size > limit) return null;
    // Kept as a promise of the compressed file: two looks at once ask once, and samples would take too much memory.
    film.picture ??= contentType(film.file).then((type) => getPicture(film.file, type));
    const found = await film.picture;
    if (found === null) return null;
    try {
        return { ...found, deep: await readDeep(found.png, found) };
    } catch {
        return null; // a form of PNG that is not known here
    }
}
