// How the service read a file, and warnings that the result may be less reliable.

const WARNINGS = {
    body_part_not_chest: "According to the file, it shows another part of the body, not the chest.",
    burned_in_annotation: "According to the file, text is burned into the image. The text may mislead the model.",
    film_inverted: "The image was inverted. The service swapped dark and bright before the prediction.",
    first_of_several_frames: "The file contains several frames. Only the first one was read.",
    low_contrast: "The image has few grey levels. Most of its contrast was lost before it was sent.",
    not_a_chest_xray: "This does not look like a chest X-ray. It was predicted because you asked for it.",
    outside_training_population:
        "The image is unlike those the model was trained on (children aged 1 to 5). Expect more errors.",
    modality_unknown: "The file does not state that it is a radiograph.",
    view_not_frontal: "According to the file, this is a lateral view. The model knows only frontal views.",
    window_ignored: "The window in the file does not fit the image. The service used the full range of the image.",
    wrong_orientation: "The image is not upright. It was predicted in this orientation because you asked for it.",
};

/** Return a sentence for a warning code of the result, or the code if the page is older than the service. */
export function warningWords(code) {
    return WARNINGS[code] ?? `Warning: ${code}`;
}

/** Return how the image was read, such as "DICOM, MONOCHROME1, 12 bits, window 2048 / 4096, inverted". */
export function readAs(image) {
    const { format, photometric_interpretation: photometric, bits_stored: bits, window, inverted } = image;
    return [
        format,
        photometric,
        bits && `${bits} bits`,
        window && `window ${window.center} / ${window.width}`,
        inverted && "inverted",
    ]
        .filter(Boolean)
        .join(", ");
}
