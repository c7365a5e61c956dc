// Files that are dropped on the page, chosen in the dialog or pasted.

import { byId } from "./dom.js";

/** Call `take` with the files of every drop, choice and paste. */
export function takeFiles(take) {
    const picker = byId("picker");
    const veil = byId("veil");
    let depth = 0; // dragenter and dragleave also fire for each element under the pointer

    const show = (change) => {
        depth = Math.max(0, depth + change);
        veil.hidden = depth === 0;
    };
    const bringsFiles = (event) => event.dataTransfer?.types.includes("Files");
    const give = (files) => files.length > 0 && take([...files]);

    for (const id of ["add", "choose"]) byId(id).addEventListener("click", () => picker.click());
    picker.addEventListener("change", () => {
        give(picker.files);
        picker.value = ""; // so that the same file can be chosen again
    });
    addEventListener("dragenter", (event) => bringsFiles(event) && show(1));
    addEventListener("dragleave", (event) => bringsFiles(event) && show(-1));
    addEventListener("dragover", (event) => bringsFiles(event) && event.preventDefault());
    addEventListener("drop", (event) => {
        if (!bringsFiles(event)) return;
        event.preventDefault();
        depth = 0;
        veil.hidden = true;
        give(event.dataTransfer.files);
    });
    addEventListener("paste", (event) => give(event.clipboardData?.files ?? []));
}
