// The films of this session and the queue that sends them. Lives as long as the page, in memory alone.

import { Failure, predict, predictByUpload } from "./api.js";
import { contentType } from "./preview.js";

// A new AWS account runs ten functions at once in all; the page shall not take them from others.
const AT_ONCE = 2;

/**
 * One film. `state`: waiting, sending (`sent` is 0..1), predicting, done (`answer`, `heatmap`), failed (`failure`).
 * @typedef {{number: number, file: File, state: string, sent: number, large: boolean, force: boolean, answer: object|null,
 *   heatmap: Blob|null, failure: Failure|null, finished: Date|null}} Film
 */

export class Session extends EventTarget {
    /** @type {Film[]} */
    films = [];
    #config;
    #running = 0;
    #held = true;
    #count = 0;
    #abort = new AbortController();

    /** Events: "added" (detail: films), "changed" (detail: film), "cleared", "unauthorized". */
    constructor(config) {
        super();
        this.#config = config;
    }

    /** Add files as films, and send them as soon as it is their turn. */
    add(files) {
        const added = files.map((file) => ({ number: (this.#count += 1), file, ...fresh() }));
        this.films.push(...added);
        this.#tell("added", added);
        this.#next();
    }

    /** Send again what failed; with `force` it is answered whatever it shows. */
    retry(film, { force = false } = {}) {
        if (film.state !== "failed") return;
        Object.assign(film, fresh(), { force });
        this.#tell("changed", film);
        this.#next();
    }

    /** Forget all films and stop what is under way. */
    clear() {
        this.#abort.abort();
        this.#abort = new AbortController();
        this.films = [];
        this.#tell("cleared");
    }

    /** Start sending, at first and after the token was refused. */
    release() {
        this.#held = false;
        this.#next();
    }

    #next() {
        while (!this.#held && this.#running < AT_ONCE) {
            const film = this.films.find(({ state }) => state === "waiting");
            if (film === undefined) return;
            this.#running += 1;
            this.#process(film, this.#abort.signal).finally(() => {
                this.#running -= 1;
                this.#next();
            });
        }
    }

    async #process(film, signal) {
        this.#change(film, { state: "sending" });
        try {
            const { answer, heatmap } = await this.#send(film, signal);
            this.#change(film, { state: "done", answer, heatmap, finished: new Date() });
        } catch (error) {
            if (signal.aborted) return;
            const failure = error instanceof Failure ? error : new Failure("unreadable_file");
            if (failure.code === "unauthorized") {
                this.#held = true;
                this.#change(film, { ...fresh(), force: film.force });
                this.#tell("unauthorized");
                return;
            }
            this.#change(film, { state: "failed", failure, finished: new Date() });
        }
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
        const predicting = () => this.#change(film, { state: "predicting", sent: 1 });
        const onSent = (share) => (share < 1 ? this.#change(film, { sent: share }) : predicting());
        if (file.size <= direct) return predict(file, type, { force: film.force, onSent, signal });
        this.#change(film, { large: true });
        return predictByUpload(file, type, { force: film.force, onSent, onUploaded: predicting, signal });
    }

    #change(film, change) {
        if (!this.films.includes(film)) return; // cleared meanwhile
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
    failure: null,
    finished: null,
});
