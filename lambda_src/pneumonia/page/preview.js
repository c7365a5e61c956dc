// The type of a file, by its first bytes, and its preview if the browser can show one.

// Browsers refuse a larger canvas or draw it slowly, and no screen shows that many pixels.
const MAX_PIXELS = 25e6;

const PNG = [0x89, 0x50, 0x4e, 0x47];
const JPEG = [0xff, 0xd8, 0xff];
const DICOM = [0x44, 0x49, 0x43, 0x4d];
const DICOM_OFFSET = 128;
const PNG_BIT_DEPTH_OFFSET = 24;

/** Return the Content-Type for sending a file. Rejects if the file cannot be read. */
export async function contentType(file) {
    const head = await headOf(file);
    if (matches(head, PNG, 0)) return "image/png";
    if (matches(head, JPEG, 0)) return "image/jpeg";
    if (matches(head, DICOM, DICOM_OFFSET)) return "application/dicom";
    return "application/octet-stream"; // the service detects the format from the bytes
}

/**
 * Decode a file. Return null if the browser cannot show it as the service does. This is the case for a file that is
 * neither JPEG nor PNG, a damaged file, and a 16-bit PNG, of which browsers use only the upper 8 bits.
 * @param {File} file
 * @param {number} [side] longest side of the preview; by default, the original size
 * @returns {Promise<ImageBitmap|null>} must be closed by the caller
 */
export async function decode(file, side) {
    try {
        if (!(await isForBrowsers(file))) return null;
        const whole = await createImageBitmap(file);
        const scale = Math.min(
            1,
            side === undefined ? 1 : side / Math.max(whole.width, whole.height),
            Math.sqrt(MAX_PIXELS / (whole.width * whole.height)),
        );
        if (scale === 1) return whole;
        const reduced = await createImageBitmap(whole, {
            resizeWidth: Math.max(1, Math.round(whole.width * scale)),
            resizeHeight: Math.max(1, Math.round(whole.height * scale)),
            resizeQuality: "medium",
        });
        whole.close();
        return reduced;
    } catch {
        return null; // the service reports the problem with the file
    }
}

/** Return whether browsers show an undamaged file as the service does. Rejects if the file cannot be read. */
export async function isForBrowsers(file) {
    const head = await headOf(file);
    return matches(head, JPEG, 0) || (matches(head, PNG, 0) && head[PNG_BIT_DEPTH_OFFSET] <= 8);
}

async function headOf(file) {
    return new Uint8Array(await file.slice(0, DICOM_OFFSET + DICOM.length).arrayBuffer());
}

const matches = (head, magic, offset) => magic.every((byte, index) => head[offset + index] === byte);
