// The HTTP requests of the page. Functions return plain values. They throw Failure if there is no usable answer.

const THROTTLE_PAUSES = [1000, 3000, 9000];
const PROBE_MS = 10_000;
const RESULT_WAIT_MS = 10 * 60 * 1000;

/** A failed request. `code` is a key of MESSAGES, or a code that only the service knows. */
export class Failure extends Error {
    constructor(code, { status = 0, title, detail, reference, help } = {}) {
        super(code);
        Object.assign(this, { code, status, title, detail, reference, help });
    }
}

let token = null;

/** Use a token for all further requests; null for none. */
export function useToken(value) {
    token = value;
}

/** Return the configuration of the page. It needs no token. */
export const getConfig = () => getJson("/config", undefined);

/** Exchange the one-time code of `pneumonia console` for a key. */
export async function getKey(code) {
    const headers = { "Content-Type": "application/json" };
    return parsed(await send("/_session", JSON.stringify({ code }), { headers })).key;
}

/** Return the model card. */
export const getModel = (signal) => getJson("/model", signal);

/**
 * Send an image that fits into one request: {answer, heatmap: Blob|null, evidence: object|null}. With `map` the
 * service returns the evidence as numbers, which is fast; otherwise it draws the heatmap over the image. `onSent` is
 * called with the share sent, 0..1.
 */
export async function predict(file, type, options) {
    try {
        return await ask(file, type, options);
    } catch (failure) {
        // While a release shifts traffic, a request may reach the previous version, which cannot return the evidence.
        if (!options.map || failure.status !== 400) throw failure;
        return ask(file, type, { ...options, map: false });
    }
}

async function ask(file, type, { force = false, map = false, onSent, signal }) {
    const address = `/predict?heatmap=${map ? "map" : "true"}${force ? "&force=true" : ""}`;
    const response = await withPauses(signal, () =>
        send(address, file, { headers: { ...authorization(), "Content-Type": type }, onSent, signal }),
    );
    const { heatmap, evidence_map: evidence = null, ...answer } = parsed(response);
    return { answer, heatmap: heatmap ? await base64Blob(heatmap) : null, evidence };
}

/** Send an image of any size through the upload bucket. `onUploaded` is called once the upload is complete. */
export async function predictByUpload(file, type, { force = false, onSent, onUploaded, signal }) {
    const ticket = parsed(
        await withPauses(signal, () =>
            send("/uploads", JSON.stringify({ content_type: type, force }), {
                headers: { ...authorization(), "Content-Type": "application/json" },
                signal,
            }),
        ),
    );
    if (file.size > ticket.max_bytes) throw new Failure("too_large", { status: 413 });
    const form = new FormData();
    for (const [name, value] of Object.entries(ticket.upload.fields)) form.append(name, value);
    // Do not send the name of the file: it may contain a patient's name. Append the file last: S3 ignores later fields.
    form.append("file", new Blob([file], { type }), "film");
    checkUpload(await send(ticket.upload.url, form, { onSent, signal }));
    onUploaded();
    const answer = await poll(ticket.result, signal);
    if (answer.status === "rejected") {
        throw new Failure(answer.code, {
            status: 422,
            title: answer.title,
            detail: answer.detail,
            reference: answer.request_id,
            help: answer.help,
        });
    }
    return { answer, evidence: null, heatmap: answer.heatmap ? await getBlob(answer.heatmap, signal) : null };
}

/**
 * Return an image as the service reads it: a grey PNG with the depth of the file, and the values of the response's
 * headers. Return null if the file contains no image, and on any failure, because a missing preview is no reason for an
 * error message.
 */
export async function getPicture(file, type) {
    try {
        const headers = { ...authorization(), "Content-Type": type };
        const response = await fetch("/image", { method: "POST", body: file, headers, credentials: "same-origin" });
        if (!response.ok) return null;
        const [width, height] = response.headers.get("X-Image-Size").split("x").map(Number);
        const [black, white] = response.headers.get("X-Image-Window").split(" ").map(Number);
        return {
            png: await response.blob(),
            bits: Number(response.headers.get("X-Image-Bits")),
            reduced: response.headers.get("X-Image-Reduced") !== "no",
            whole: { width, height },
            black,
            white,
        };
    } catch {
        return null;
    }
}

/** Send a reader's feedback: {stored, detail}. `id` identifies the upload; null if the image was sent directly. */
export async function giveFeedback({ id, verdict, reason }) {
    const headers = { ...authorization(), "Content-Type": "application/json" };
    return parsed(await send("/feedback", JSON.stringify({ id, verdict, reason }), { headers }));
}

/** Return whether the service answers. */
export async function isThere() {
    try {
        return (await get("/config", AbortSignal.timeout(PROBE_MS))).status === 200;
    } catch {
        return false;
    }
}

async function poll(address, signal) {
    const end = performance.now() + RESULT_WAIT_MS;
    for (;;) {
        const response = await get(address, signal);
        if (response.status !== 202) return parsed(response);
        const seconds = Number(response.header("Retry-After")) || 2;
        if (performance.now() + seconds * 1000 > end) throw new Failure("no_result");
        await pause(seconds * 1000, signal);
    }
}

const authorization = () => (token === null ? {} : { Authorization: `Bearer ${token}` });

async function getJson(address, signal) {
    return parsed(await withPauses(signal, () => get(address, signal)));
}

async function get(address, signal) {
    let response;
    try {
        response = await fetch(address, {
            headers: authorization(),
            signal,
            cache: "no-store",
            credentials: "same-origin",
        });
        return { status: response.status, text: await response.text(), header: (name) => response.headers.get(name) };
    } catch (error) {
        throw error.name === "AbortError" ? error : new Failure("network");
    }
}

async function getBlob(address, signal) {
    try {
        const response = await fetch(address, { headers: authorization(), signal, credentials: "same-origin" });
        return response.ok ? await response.blob() : null;
    } catch (error) {
        if (error.name === "AbortError") throw error;
        return null; // the answer is useful without its heatmap
    }
}

/** POST with XMLHttpRequest, because fetch does not report the progress of an upload. */
function send(address, body, { headers = {}, onSent, signal }) {
    return new Promise((resolve, reject) => {
        const request = new XMLHttpRequest();
        request.open("POST", address);
        for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
        request.upload.onprogress = (event) => event.lengthComputable && onSent?.(event.loaded / event.total);
        request.onload = () =>
            resolve({
                status: request.status,
                text: request.responseText,
                header: (name) => request.getResponseHeader(name),
            });
        request.onerror = () => reject(new Failure("network"));
        request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
        signal?.addEventListener("abort", () => request.abort(), { once: true });
        request.send(body);
    });
}

/** Repeat a call that AWS throttled. */
async function withPauses(signal, call) {
    for (const milliseconds of THROTTLE_PAUSES) {
        const response = await call();
        if (response.status !== 429) return response;
        await pause(milliseconds, signal);
    }
    return call();
}

function parsed({ status, text }) {
    let value = null;
    try {
        value = JSON.parse(text);
    } catch {
        // The body is not JSON, so a proxy or AWS answered. Only the status is useful.
    }
    if (value !== null && status >= 200 && status < 300) return value;
    throw new Failure(value?.code ?? codeOf(status), {
        status,
        title: value?.title,
        detail: value?.detail,
        reference: value?.request_id,
        help: value?.help,
    });
}

function codeOf(status) {
    if (status === 401) return "unauthorized";
    if (status === 403) return "forbidden";
    if (status === 404) return "not_found";
    if (status === 413) return "too_large";
    if (status === 429) return "throttled";
    return status >= 500 ? "service_unavailable" : "unexpected_answer";
}

/** Throw Failure if S3 refused an upload. S3 returns errors as XML. */
function checkUpload({ status, text }) {
    if (status >= 200 && status < 300) return;
    const code = /<Code>(\w+)<\/Code>/.exec(text)?.[1];
    throw new Failure(code === "EntityTooLarge" ? "too_large" : "upload_refused", {
        status,
        detail: code && `S3 says ${code}.`,
    });
}

async function base64Blob({ content_type: type, data }) {
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    return new Blob([bytes], { type });
}

function pause(milliseconds, signal) {
    return new Promise((resolve, reject) => {
        const timer = setTimeout(resolve, milliseconds);
        const cancel = () => {
            clearTimeout(timer);
            reject(new DOMException("cancelled", "AbortError"));
        };
        if (signal?.aborted) cancel();
        signal?.addEventListener("abort", cancel, { once: true });
    });
}
