// The session as a CSV file (RFC 4180) that spreadsheets can open.

import { inert } from "./cells.js";
import { explain } from "./messages.js";
import { prevalence, shown } from "./prevalence.js";

// The same columns as results.csv of the command line; a test compares them.
const COLUMNS = {
    file: ({ file }) => file.name,
    status: statusOf,
    triage: ({ answer }) => answer?.triage,
    in_training_population: ({ answer }) => answer?.in_training_population,
    forced: ({ answer }) => answer?.forced,
    warnings: ({ answer }) => answer?.image.warnings.join(" "),
    pneumonia: ({ answer }) => answer?.pneumonia,
    calibrated_prevalence: ({ answer }) => answer?.calibrated_prevalence,
    prevalence: ({ answer }) => answer && prevalence(),
    pneumonia_at_prevalence: ({ answer }) => answer && Number(shown(answer.pneumonia).toFixed(6)),
    label: ({ answer }) => answer?.label,
    threshold: ({ answer }) => answer?.threshold,
    format: ({ answer }) => answer?.image.format,
    width: ({ answer }) => answer?.image.width,
    height: ({ answer }) => answer?.image.height,
    sop_instance_uid: ({ answer }) => answer?.image.sop_instance_uid,
    study_instance_uid: ({ answer }) => answer?.image.study_instance_uid,
    feedback: ({ feedback }) => feedback?.verdict,
    feedback_reason: ({ feedback }) => feedback?.reason,
    code: ({ failure }) => failure?.code,
    detail: ({ failure }) => failure && (failure.detail ?? explain(failure).title),
    model: ({ answer }) => answer?.model.name,
    model_version: ({ answer }) => answer?.model.version,
    model_sha256: ({ answer }) => answer?.model.sha256,
    request_id: ({ answer, failure }) => answer?.request_id ?? failure?.reference,
    correlation_id: ({ answer }) => answer?.correlation_id,
    heatmap_file: () => null,
    answered_at: ({ finished }) => finished?.toISOString(),
    notice: ({ answer }) => answer?.notice,
};

/** Return a header line and one line per image, in the order in which the images were added. */
export function toCsv(images) {
    const rows = images.map((image) => Object.values(COLUMNS).map((column) => column(image)));
    const lines = [Object.keys(COLUMNS), ...rows];
    return lines.map((line) => `${line.map(field).join(",")}\r\n`).join("");
}

/** Download a session as a file. */
export function downloadCsv(images) {
    // Excel recognizes UTF-8 by the byte order mark.
    const address = URL.createObjectURL(new Blob(["\ufeff", toCsv(images)], { type: "text/csv;charset=utf-8" }));
    const link = document.createElement("a");
    link.href = address;
    link.download = "chest-x-ray-triage.csv";
    link.click();
    // The download reads the address only after this function has returned.
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** Return the status as in results.csv: "rejected" if the service refused the image, "missing" if a retry can help. */
function statusOf({ state, failure }) {
    if (state === "done") return "predicted";
    return failure && !explain(failure).retry ? "rejected" : "missing";
}

function field(value) {
    if (value === null || value === undefined) return "";
    // A file name may look like a formula.
    const text = typeof value === "string" ? inert(value) : String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
