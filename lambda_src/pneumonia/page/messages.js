// For each error code: what happened, and what the user can do. `retry`: trying again can help. `force`: the user can
// ask for a prediction anyway.

const OPERATOR = "Contact the operator of this service and quote the reference below.";
const IF_NOT = "If this does not help, contact the operator of this service and quote the reference below.";
const RELOAD = "Reload the page: it may be older than the service.";
const REDUCED = "The model always works on a reduced image.";

export const MESSAGES = {
    // The image
    unsupported_format: {
        title: "This file type is not supported",
        advice: "Export the image as DICOM, JPEG, PNG, TIFF, WebP or BMP, then send it again.",
    },
    undecodable_image: {
        title: "The image is damaged or incomplete",
        advice: "The file could not be read completely. Export it or copy it from its source again.",
    },
    too_large: {
        title: "The image is too large",
        advice: `Send a smaller file, for example at a lower resolution. ${REDUCED}`,
    },
    took_too_long: {
        title: "The image takes too long to read",
        advice: `Export it again, smaller or as JPEG or PNG. ${REDUCED}`,
    },
    processing_failed: {
        title: "The image could not be processed",
        advice: `Export it again, smaller or as JPEG or PNG. ${IF_NOT}`,
    },
    object_archived: {
        title: "The image is archived",
        advice: "Ask the operator of this service to restore it from S3 Glacier, then send it again.",
    },
    too_small: {
        title: "The image is too small",
        advice: "This looks like a thumbnail. Send the original image.",
    },
    blank_image: {
        title: "The image is blank",
        advice: "Nearly all of it is the same grey. Check the export and the exposure.",
    },
    multi_frame: {
        title: "The file contains several images",
        advice: "Export each image as a separate file.",
    },
    not_a_radiograph: {
        title: "This is not a radiograph",
        advice: "According to the file, the image comes from another kind of device. Choose a frontal chest X-ray.",
    },
    for_processing: {
        title: "This is a raw detector image",
        advice: "It is meant for processing, not for reading. Choose the presentation image of the same exposure.",
    },
    not_a_chest_xray: {
        title: "This does not look like a chest X-ray",
        advice: "Choose a frontal chest X-ray, upright and uncropped. If this is one, select “Predict anyway”.",
        force: true,
    },
    wrong_orientation: {
        title: "The image is rotated or upside down",
        advice: "Rotate it upright and send it again. A prediction in this orientation is not reliable.",
        force: true,
    },
    missing_image: { title: "The file is empty", advice: "Choose a file that contains an image." },
    unreadable_file: {
        title: "The file could not be read",
        advice: "It may have been moved, or it may be a folder. Drop the files, not their folder.",
        retry: true,
    },
    malformed_request: {
        title: "The service did not understand the request",
        advice: `${RELOAD} ${IF_NOT}`,
        retry: true,
    },
    not_acceptable: {
        title: "The service cannot answer in the requested format",
        advice: `${RELOAD} ${IF_NOT}`,
    },
    url_not_allowed: { title: "The service does not fetch images from this address", advice: "Send the file itself." },
    url_fetch_failed: { title: "The image could not be fetched", advice: "Send the file itself." },
    // Access
    unauthorized: {
        title: "The token was not accepted",
        advice: "Enter the current token of this service. A replaced token stops working after some time.",
        retry: true,
    },
    access_check_failed: {
        title: "The service could not check the token",
        advice: "The token is not the cause. Try again in a few seconds.",
        retry: true,
    },
    forbidden: {
        title: "The service refused this browser",
        advice: "It accepts only signed requests. Open the page with `pneumonia console`, which signs them for you.",
        retry: true,
    },
    // Large images
    upload_refused: {
        title: "The upload was refused",
        advice: "The permission to upload may have expired, or the file changed during the upload. Try again.",
        retry: true,
    },
    upload_missing: {
        title: "The uploaded image no longer exists",
        advice: "It was removed or replaced before it could be read. Try again.",
        retry: true,
    },
    no_result: {
        title: "There is no result yet",
        advice: "The image was uploaded. The service may be busy, or processing may have failed. Try again.",
        retry: true,
    },
    not_found: {
        title: "The result was not found",
        advice: "It may have expired. Try again. If this does not help, reload the page.",
        retry: true,
    },
    method_not_allowed: {
        title: "The service did not understand the request",
        advice: RELOAD,
    },
    // The service
    unhealthy: { title: "The service is not healthy", advice: OPERATOR, retry: true },
    model_error: { title: "The model could not be used", advice: OPERATOR, retry: true },
    settings_error: { title: "The service is misconfigured", advice: OPERATOR, retry: true },
    internal_error: { title: "The service had an internal error", advice: `Try again. ${IF_NOT}`, retry: true },
    throttled: {
        title: "The service is busy",
        advice: "It received too many requests at once. Try again in a moment.",
        retry: true,
    },
    service_unavailable: {
        title: "The service did not respond in time",
        advice: "Try again. If an image fails every time, send it at a lower resolution.",
        retry: true,
    },
    network: {
        title: "The service cannot be reached",
        advice: "Check the network connection of this computer, then try again.",
        retry: true,
    },
    unexpected_answer: {
        title: "The service sent an unexpected response",
        advice: `${RELOAD} ${IF_NOT}`,
        retry: true,
    },
};

/** Return a failure as {title, advice, detail, reference, retry, force}. An unknown code keeps the service's words. */
export function explain(failure) {
    const known = MESSAGES[failure.code];
    return {
        title: known?.title ?? failure.title ?? MESSAGES.unexpected_answer.title,
        advice: known?.advice ?? (failure.detail ? "" : MESSAGES.unexpected_answer.advice),
        detail: failure.detail ?? "",
        reference: failure.reference ?? "",
        force: known?.force === true,
        retry: known ? known.retry === true : failure.status >= 500,
    };
}
