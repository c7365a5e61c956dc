// The images of this session and the queue that sends them. Both are kept in memory only.

import { Failure, predict, predictByUpload } from "./api.js";
import { explain } from "./messages.js";
import { Outage, isOutage } from "./outage.js";
import { contentType, isForBrowsers } from "./preview.js";

// A new AWS account runs at most ten calls at once. The page leaves most of these calls to other clients.
const AT_ONCE = 2;

/**
 * One image. `state`: waiting, sending (`sent` is 0..1), predicting, done (`answer`; `heatmap` or `evidence`) or failed
 * (`failure`). `picture`: a promise of its pixels from the service, once they were requested.
 * @typedef {{number: number, file: File, state: string, sent: number, large: boolean, force: boolean,
 *   answer: object|null, heatmap: Blob|null, evidence: object|null, failure: Failure|null, finished: Date|null,
 *   picture: Promise|undefined}} SessionImage
 */

export class Session extends EventTarget {
    /** @type {SessionImage[]} */
    images = [];
    #config;
    #running = 0;
    #held = true;
    #count = 0;
    #removed = [];
    #aborts = new WeakMap(); // image -> its AbortController
    #tries = new WeakMap(); // image -> how often it failed although the service answered
    #outage = new Outage();

    /** Events: "added", "removed", "restored" (detail: images), "changed" (detail: image), "unauthorized", "paused"
     * (detail: failure), "resumed". */
    constructor(config) {
        super();
        this.#config = config;
        this.#outage.onEnd = () => {
            this.#tell("resumed");
            this.#next();
        };
    }

    /** Add files and put them into the queue. */
    add(files) {
        const added = files.map((file) => ({ number: (this.#count += 1), file, ...fresh() }));
        this.images.push(...added);
        this.#tell("added", added);
        this.#next();
    }

    /** Send a failed image again. With `force` it is predicted although the gate refuses it. */
    retry(image, { force = image.force } = {}) {
        if (image.state !== "failed") return;
        this.#tries.delete(image);
        this.#change(image, { ...fresh(), force });
        this.#next();
    }

    /** Send again all failed images for which a retry can help. */
    retryAll() {
        for (const image of this.retriable()) this.retry(image);
    }

    /** Return failed images for which a retry can help. */
    retriable() {
        return this.images.filter(({ failure }) => failure !== null && explain(failure).retry);
    }

    /** Remove images and stop sending them. `restore` brings back the images of the last call. */
    remove(images) {
        this.#removed = images;
        this.images = this.images.filter((image) => !images.includes(image));
        for (const image of images) {
            this.#aborts.get(image)?.abort();
            if (image.state !== "done" && image.state !== "failed") Object.assign(image, fresh(), { force: image.force });
        }
        this.#tell("removed", images);
    }

    /** Undo the last removal. */
    restore() {
        const images = this.#removed;
        this.#removed = [];
        this.images = [...this.images, ...images].sort((one, other) => one.number - other.number);
        this.#tell("restored", images);
        this.#next();
    }

    /** Discard the images of the last removal permanently. */
    forgetRemoved() {
        this.#removed = [];
    }

    /** Start sending. Call this at the start, and after a refused token was replaced. */
    release() {
        this.#held = false;
        this.#next();
    }

    /** Check at once whether an outage is over. */
    probe() {
        this.#outage.probe();
    }

    #next() {
        while (!this.#held && !this.#outage.lasts && this.#running < AT_ONCE) {
            const image = this.images.find(({ state }) => state === "waiting");
            if (image === undefined) return;
            this.#running += 1;
            this.#process(image).finally(() => {
                this.#running -= 1;
                this.#next();
            });
        }
    }

    async #process(image) {
        const { signal } = this.#stopper(image);
        this.#change(image, { state: "sending" });
        try {
            const found = await this.#send(image, signal);
            if (!signal.aborted) this.#change(image, { state: "done", ...found, finished: new Date() });
        } catch (error) {
            if (signal.aborted) return;
            const failure = error instanceof Failure ? error : new Failure("unreadable_file");
            const waiting = { ...fresh(), force: image.force };
            if (failure.code === "unauthorized") {
                this.#held = true;
                this.#change(image, waiting);
                this.#tell("unauthorized");
            } else if (await this.#isNoFaultOf(image, failure)) {
                if (!signal.aborted) this.#change(image, waiting);
            } else if (!signal.aborted) {
                this.#change(image, { state: "failed", failure, finished: new Date() });
            }
        }
    }

    /** Return whether the service caused a failure, so that the image can wait and be sent again. If an image fails
     * twice although the service answers, the image counts as the cause. */
    async #isNoFaultOf(image, failure) {
        if (!isOutage(failure)) return false;
        if (await this.#outage.begin(failure)) {
            this.#tell("paused", failure);
            return true;
        }
        const tries = (this.#tries.get(image) ?? 0) + 1;
        this.#tries.set(image, tries);
        return tries < 2;
    }

    #stopper(image) {
        const abort = new AbortController();
        this.#aborts.set(image, abort);
        return abort;
    }

    async #send(image, signal) {
        const { file } = image;
        const { max_image_bytes: most, max_direct_bytes: direct, uploads } = this.#config;
        // Read the file first: sending an unreadable file looks like a network error.
        const type = await contentType(file);
        if (file.size === 0) throw new Failure("missing_image");
        if (file.size > most || (file.size > direct && !uploads)) {
            throw new Failure("too_large", {
                detail: `The service accepts images of up to ${megabytes(uploads ? most : direct)}.`,
            });
        }
        const predicting = () => this.#change(image, { state: "predicting", sent: 1 }, signal);
        const onSent = (share) => (share < 1 ? this.#change(image, { sent: share }, signal) : predicting());
        if (file.size <= direct) {
            const map = await isForBrowsers(file); // otherwise the service's heatmap is shown
            return predict(file, type, { force: image.force, map, onSent, signal });
        }
        this.#change(image, { large: true });
        return predictByUpload(file, type, { force: image.force, onSent, onUploaded: predicting, signal });
    }

    #change(image, change, signal) {
        if (signal?.aborted || !this.images.includes(image)) return; // removed in the meantime
        Object.assign(image, change);
        this.#tell("changed", image);
    }

    #tell(name, detail) {
        this.dispatchEvent(new CustomEvent(name, { detail }));
    }
}

/** Return a number of bytes in megabytes, with the unit. */
export const megabytes = (bytes) => `${(bytes / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;

const fresh = () => ({
    state: "waiting",
    sent: 0,
    large: false,
    force: false,
    answer: null,
    heatmap: null,
    evidence: null,
    failure: null,
    finished: null,
});
