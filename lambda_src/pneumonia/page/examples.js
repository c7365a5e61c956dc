// Example images, which are drawn and show no real person. They are sent like any other image.

import { byId } from "./dom.js";

/** Call `take` with a file when an example is clicked. Call this once. */
export function start(take) {
    for (const button of byId("examples").querySelectorAll("button")) {
        button.addEventListener("click", async () => {
            button.disabled = true;
            try {
                const response = await fetch(button.dataset.image);
                const name = button.dataset.image.split("/").at(-1);
                if (response.ok) take([new File([await response.blob()], name)]);
            } catch {
                // The service cannot be reached; the user can click again.
            } finally {
                button.disabled = false;
            }
        });
    }
}
