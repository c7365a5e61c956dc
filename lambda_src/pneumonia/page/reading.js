// How the service read a file, and what about it may make the answer less reliable.

const WARNINGS = {
    body_part_not_chest: "The file says that it shows another part of the body than the chest.",
    burned_in_annotation: "The file says that text is burned into the picture: it may mislead the model.",
    film_inverted: "The film came inverted: dark and bright were exchanged before it was read.",
    first_of_several_frames: "The file holds several frames; only the first was read.",
    low_contrast: "The film has few grey levels; most of its contrast was lost before it came here.",
    not_a_chest_xray: "This does not look like a chest X-ray. It was predicted because you asked for it.",
    outside_training_population:
        "The film is unlike those the model was trained on (children aged 1 to 5): expect more errors.",
    modality_unknown: "The file does not say that it is a radiograph.",
    view_not_frontal: "The file says that this is a lateral view; the model knows frontal ones alone.",
    window_ignored: "The window in the file does not fit the film; the range of the film was used.",
    wrong_orientation: "The film is not upright. It was predicted as it lies, because you asked for it.",
};

/** A sentence for a warning code of the answer; the code itself where the page is older than the service. */
export function warningWords(code) {
    return WARNINGS[code] ?? `Warning: ${code}`;
}

/** "DICOM, MONOCHROME1, 12 bits, window 2048 / 4096, inverted" */
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
