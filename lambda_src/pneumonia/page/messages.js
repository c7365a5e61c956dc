// What each error code means to the person at the page, and what to do. `retry`: trying again can help;
// `force`: the service can be asked to answer all the same.

const OPERATOR = "Tell whoever operates this service, with the reference below.";

export const MESSAGES = {
    // The film
    unsupported_format: {
        title: "This file type is not supported",
        advice: "DICOM, JPEG, PNG, TIFF, WebP and BMP are. Export the film as one of these and send it again.",
    },
    undecodable_image: {
        title: "The image is damaged or incomplete",
        advice: "The file could not be read to its end. Export or copy it again from its source.",
    },
    too_large: {
        title: "The film is too large",
        advice: "Send a smaller file: a lower resolution loses nothing here, the model sees every film reduced.",
    },
    took_too_long: {
        title: "The film takes too long to read",
        advice: "Export it again, smaller or as JPEG or PNG: the model sees every film reduced.",
    },
    processing_failed: {
        title: "The film could not be processed",
        advice: `Export it again, smaller or as JPEG or PNG. If that does not help: ${OPERATOR}`,
    },
    object_archived: {
        title: "The film lies in an archive",
        advice: "It has to be restored from S3 Glacier before it can be read.",
    },
    too_small: {
        title: "The image is too small",
        advice: "This looks like a thumbnail. Send the film itself.",
    },
    blank_image: {
        title: "The image is blank",
        advice: "It is one grey nearly everywhere. Check the export, and the exposure of the film.",
    },
    multi_frame: {
        title: "The file holds several images",
        advice: "Export each film as a file of its own.",
    },
    not_a_radiograph: {
        title: "This is not a radiograph",
        advice: "The file itself says that it comes from another kind of machine. Choose a frontal chest X-ray.",
    },
    for_processing: {
        title: "This is the detector's raw image",
        advice: "The file is meant for processing, not for reading. Choose the image for presentation of the same exposure.",
    },
    not_a_chest_xray: {
        title: "This does not look like a chest X-ray",
        advice: "Choose a frontal chest X-ray, upright and uncropped. If this is one, it can be predicted all the same.",
        force: true,
    },
    wrong_orientation: {
        title: "The film lies on its side or stands on its head",
        advice: "Turn it upright and send it again. Predicted as it lies, the answer means little.",
        force: true,
    },
    missing_image: { title: "The file is empty", advice: "Choose a file that holds an image." },
    unreadable_file: {
        title: "The file could not be read",
        advice: "It may have been moved, or be a folder. Drop the files themselves, not their folder.",
        retry: true,
    },
    malformed_request: {
        title: "The service did not understand the request",
        advice: `Reload the page, it may be older than the service. If that does not help: ${OPERATOR}`,
        retry: true,
    },
    not_acceptable: {
        title: "The service has no answer of the kind that was asked for",
        advice: `Reload the page, it may be older than the service. If that does not help: ${OPERATOR}`,
    },
    url_not_allowed: { title: "This address may not be fetched", advice: "Send the file itself." },
    url_fetch_failed: { title: "The image could not be fetched", advice: "Send the file itself." },
    // Who may enter
    unauthorized: {
        title: "The token was not accepted",
        advice: "Give the current token of this service. An old one stops working some time after it was replaced.",
        retry: true,
    },
    access_check_failed: {
        title: "The service could not check the token",
        advice: "That is no fault of the token. Try again in a few seconds.",
        retry: true,
    },
    forbidden: {
        title: "The service refused this browser",
        advice: "It accepts only signed requests. Open the page with `pneumonia console`, which signs them for you.",
        retry: true,
    },
    // Large films
    upload_refused: {
        title: "The upload was refused",
        advice: "The permission to upload may have expired, or the file changed on the way. Try again.",
        retry: true,
    },
    upload_missing: {
        title: "The uploaded film is gone",
        advice: "It was removed or replaced before it could be read. Try again.",
        retry: true,
    },
    no_result: {
        title: "No answer yet",
        advice: "The film was uploaded, but no result has come. The service may be busy or have failed. Try again.",
        retry: true,
    },
    not_found: {
        title: "The result is not there",
        advice: "It may have expired. Try again; if that does not help, reload the page.",
        retry: true,
    },
    method_not_allowed: {
        title: "The service did not understand the request",
        advice: "Reload the page, it may be older than the service.",
    },
    // The service
    unhealthy: { title: "The service is not well", advice: OPERATOR, retry: true },
    model_error: { title: "The model could not be used", advice: OPERATOR, retry: true },
    settings_error: { title: "The service is misconfigured", advice: OPERATOR, retry: true },
    internal_error: { title: "Something went wrong in the service", advice: `Try again. ${OPERATOR}`, retry: true },
    throttled: { title: "The service is busy", advice: "Too many films at once. Try again in a moment.", retry: true },
    service_unavailable: {
        title: "The service did not answer in time",
        advice: "Try again. A film that fails each time may be too much for it: send it at a lower resolution.",
        retry: true,
    },
    network: {
        title: "The service cannot be reached",
        advice: "Check the network connection of this computer, then try again.",
        retry: true,
    },
    unexpected_answer: {
        title: "The service answered in a way this page does not know",
        advice: `Reload the page, it may be older than the service. If that does not help: ${OPERATOR}`,
        retry: true,
    },
};

/** Any failure as {title, advice, detail, reference, retry, force}; an unknown code keeps the service's own words. */
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
