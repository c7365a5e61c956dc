// When the service does not answer: wait, ask whether it is there again, and say when it is.

import { isThere } from "./api.js";

const CODES = new Set(["network", "service_unavailable", "throttled"]);
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15_000;

/** Whether a failure may be one of the service or the network, and not of the film. */
export const isOutage = (failure) => CODES.has(failure.code);

export class Outage {
    /** True while the service is thought not to answer. */
    lasts = false;
    /** Called when it answers again. */
    onEnd = () => {};
    #wake = () => {};

    constructor() {
        addEventListener("online", () => this.probe());
    }

    /** Find out whether a failure is an outage; if so, wait for its end. */
    async begin(failure) {
        // What is held back for too many calls would be so again at once, whatever else is answered.
        if (!this.lasts && failure.code !== "throttled" && (await isThere())) return false;
        if (!this.lasts) {
            this.lasts = true;
            this.#watch();
        }
        return true;
    }

    /** Ask now, without waiting for the end of the pause. */
    probe() {
        this.#wake();
    }

    async #watch() {
        for (let pause = FIRST_PAUSE_MS; this.lasts; pause = Math.min(2 * pause, LONGEST_PAUSE_MS)) {
            await new Promise((resolve) => {
                this.#wake = resolve;
                setTimeout(resolve, pause);
            });
            this.lasts = !(await isThere());
        }
        this.onEnd();
    }
}
