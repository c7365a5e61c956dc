// The session as a CSV file (RFC 4180) that a spreadsheet opens as it is.

import { explain } from "./messages.js";

const COLUMNS = {
    file: ({ file }) => file.name,
    status: ({ state }) => ({ done: "predicted", failed: "failed" })[state] ?? "pending",
    triage: ({ answer }) => answer?.triage,
    probability_pneumonia: ({ answer }) => answer?.pneumonia,
    label: ({ answer }) => answer?.label,
    threshold: ({ answer }) => answer?.threshold,
    format: ({ answer }) => answer?.image.format,
    width: ({ answer }) => answer?.image.width,
    height: ({ answer }) => answer?.image.height,
    model: ({ answer }) => answer?.model.name,
    model_version: ({ answer }) => answer?.model.version,
    model_sha256: ({ answer }) => answer?.model.sha256,
    error_code: ({ failure }) => failure?.code,
    error: ({ failure }) => failure && explain(failure).title,
    request_id: ({ answer, failure }) => answer?.request_id ?? failure?.reference,
    answered_at: ({ finished }) => finished?.toISOString(),
    notice: ({ answer }) => answer?.notice,
};

/** One header line and one line a film, in the order they were added. */
export function toCsv(films) {
    const lines = [Object.keys(COLUMNS), ...films.map((film) => Object.values(COLUMNS).map((column) => column(film)))];
    return lines.map((line) => `${line.map(field).join(",")}\r\n`).join("");
}

/** Hand a session to the browser as a download. */
export function downloadCsv(films) {
    // The byte order mark is how Excel knows UTF-8.
    const address = URL.createObjectURL(new Blob(["\ufeff", toCsv(films)], { type: "text/csv;charset=utf-8" }));
    const link = document.createElement("a");
    link.href = address;
    link.download = "chest-x-ray-triage.csv";
    link.click();
    // Not at once: the download reads it after this turn.
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function field(value) {
    if (value === null || value === undefined) return "";
    let text = String(value);
    // A file may be named so that a spreadsheet would take it for a formula.
    if (typeof value === "string" && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
