// Films to try the page with: drawn ones, of nobody. They are sent like any other film.

import { byId } from "./dom.js";

/** Call `take` with a file when an example is clicked; once, at the start. */
export function start(take) {
    for (const button of byId("examples").querySelectorAll("button")) {
        button.addEventListener("click", async () => {
            button.disabled = true;
            try {
                const response = await fetch(button.dataset.film);
                const name = button.dataset.film.split("/").at(-1);
                if (response.ok) take([new File([await response.blob()], name)]);
            } catch {
                // The service is away: the next click may find it again.
            } finally {
                button.disabled = false;
            }
        });
    }
}
