// The films of this session and the queue that sends them. Lives as long as the page, in memory alone.

import { Failure, predict, predictByUpload } from "./api.js";
import { explain } from "./messages.js";
import { Outage, isOutage } from "./outage.js";
import { contentType, isForBrowsers } from "./preview.js";

// A new AWS account runs ten functions at once in all; the page shall not take them from others.
const AT_ONCE = 2;

/**
 * One film. `state`: waiting, sending (`sent` is 0..1), predicting, done (`answer`; `heatmap` or `evidence`), failed (`failure`).
 * `picture`: a promise of what it looks like, once somebody asked.
 * @typedef {{number: number, file: File, state: string, sent: number, large: boolean, force: boolean, answer: object|null,
 *   heatmap: Blob|null, evidence: object|null, failure: Failure|null, finished: Date|null, picture: Promise|undefined}} Film
 */

export class Session extends EventTarget {
    /** @type {Film[]} */
    films = [];
    #config;
    #running = 0;
    #held = true;
    #count = 0;
    #removed = [];
    #aborts = new WeakMap(); // film -> what stops it
    #tries = new WeakMap(); // film -> how often it failed while the service answered others
    #outage = new Outage();

    /** Events: "added", "removed", "restored" (detail: films), "changed" (detail: film), "unauthorized", "paused"
     * (detail: failure), "resumed". */
    constructor(config) {
        super();
        this.#config = config;
        this.#outage.onEnd = () => {
            this.#tell("resumed");
            this.#next();
        };
    }

    /** Add files as films, and send them as soon as it is their turn. */
    add(files) {
        const added = files.map((file) => ({ number: (this.#count += 1), file, ...fresh() }));
        this.films.push(...added);
        this.#tell("added", added);
        this.#next();
    }

    /** Send again what failed; with `force` it is answered whatever it shows. */
    retry(film, { force = film.force } = {}) {
        if (film.state !== "failed") return;
        this.#tries.delete(film);
        this.#change(film, { ...fresh(), force });
        this.#next();
    }

    /** Send again all that can be expected to go better. */
    retryAll() {
        for (const film of this.retriable()) this.retry(film);
    }

    /** Films that failed for a reason that may be gone by now. */
    retriable() {
        return this.films.filter(({ failure }) => failure !== null && explain(failure).retry);
    }

    /** Forget films and stop what is under way; `restore` brings back those of the last call. */
    remove(films) {
        this.#removed = films;
        this.films = this.films.filter((film) => !films.includes(film));
        for (const film of films) {
            this.#aborts.get(film)?.abort();
            if (film.state !== "done" && film.state !== "failed") Object.assign(film, fresh(), { force: film.force });
        }
        this.#tell("removed", films);
    }

    /** Undo the last removal. */
    restore() {
        const films = this.#removed;
        this.#removed = [];
        this.films = [...this.films, ...films].sort((one, other) => one.number - other.number);
        this.#tell("restored", films);
        this.#next();
    }

    /** Nobody wants the last removal undone any more: nothing of its films is kept. */
    forgetRemoved() {
        this.#removed = [];
    }

    /** Start sending, at first and after the token was refused. */
    release() {
        this.#held = false;
        this.#next();
    }

    /** Ask at once whether an outage is over. */
    probe() {
        this.#outage.probe();
    }

    #next() {
        while (!this.#held && !this.#outage.lasts && this.#running < AT_ONCE) {
            const film = this.films.find(({ state }) => state === "waiting");
            if (film === undefined) return;
            this.#running += 1;
            this.#process(film).finally(() => {
                this.#running -= 1;
                this.#next();
            });
        }
    }

    async #process(film) {
        const { signal } = this.#stopper(film);
        this.#change(film, { state: "sending" });
        try {
            const found = await this.#send(film, signal);
            if (!signal.aborted) this.#change(film, { state: "done", ...found, finished: new Date() });
        } catch (error) {
            if (signal.aborted) return;
            const failure = error instanceof Failure ? error : new Failure("unreadable_file");
            const waiting = { ...fresh(), force: film.force };
            if (failure.code === "unauthorized") {
                this.#held = true;
                this.#change(film, waiting);
                this.#tell("unauthorized");
            } else if (await this.#isNoFaultOf(film, failure)) {
                if (!signal.aborted) this.#change(film, waiting);
            } else if (!signal.aborted) {
                this.#change(film, { state: "failed", failure, finished: new Date() });
            }
        }
    }

    /** Whether a film has to wait for the service, not the service for another film. A film that fails twice while the
     * service answers otherwise is too much for it. */
    async #isNoFaultOf(film, failure) {
        if (!isOutage(failure)) return false;
        if (await this.#outage.begin(failure)) {
            this.#tell("paused", failure);
            return true;
        }
        const tries = (this.#tries.get(film) ?? 0) + 1;
        this.#tries.set(film, tries);
        return tries < 2;
    }

    #stopper(film) {
        const abort = new AbortController();
        this.#aborts.set(film, abort);
        return abort;
    }

    async #send(film, signal) {
        const { file } = film;
        const { max_image_bytes: most, max_direct_bytes: direct, uploads } = this.#config;
        // Looked at first: an unreadable file would otherwise seem to be a broken network.
        const type = await contentType(file);
        if (file.size === 0) throw new Failure("missing_image");
        if (file.size > most || (file.size > direct && !uploads)) {
            throw new Failure("too_large", {
                detail: `The service takes films of up to ${megabytes(uploads ? most : direct)}.`,
            });
        }
        const predicting = () => this.#change(film, { state: "predicting", sent: 1 }, signal);
        const onSent = (share) => (share < 1 ? this.#change(film, { sent: share }, signal) : predicting());
        if (file.size <= direct) {
            const map = await isForBrowsers(file); // else the service's picture is the one to show
            return predict(file, type, { force: film.force, map, onSent, signal });
        }
        this.#change(film, { large: true });
        return predictByUpload(file, type, { force: film.force, onSent, onUploaded: predicting, signal });
    }

    #change(film, change, signal) {
        if (signal?.aborted || !this.films.includes(film)) return; // removed meanwhile
        Object.assign(film, change);
        this.#tell("changed", film);
    }

    #tell(name, detail) {
        this.dispatchEvent(new CustomEvent(name, { detail }));
    }
}

/** A number of bytes for people. */
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
