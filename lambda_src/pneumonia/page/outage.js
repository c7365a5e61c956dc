// Outages of the service. The class `Outage` checks until the service answers again, and reports the end.

import { isThere } from "./api.js";

const CODES = new Set(["network", "service_unavailable", "throttled"]);
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 15_000;

/** Return whether the service or the network, not the image, may have caused a failure. */
export const isOutage = (failure) => CODES.has(failure.code);

export class Outage {
    /** True during an outage. */
    lasts = false;
    /** Called when the service answers again. */
    onEnd = () => {};
    #wake = () => {};

    constructor() {
        addEventListener("online", () => this.probe());
    }

    /** Return whether a failure is an outage. If so, start to check for its end. */
    async begin(failure) {
        // A throttled call would be throttled again at once, even if the service answers other calls.
        if (!this.lasts && failure.code !== "throttled" && (await isThere())) return false;
        if (!this.lasts) {
            this.lasts = true;
            this.#watch();
        }
        return true;
    }

    /** Check now, without waiting for the end of the pause. */
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
