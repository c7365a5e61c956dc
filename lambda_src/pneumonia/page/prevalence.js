// The prevalence of pneumonia where the reader works, and probabilities at this prevalence.
//
// The model is calibrated at one prevalence, which its card names. The reader can choose another one for the tab. The
// service's pneumonia/prevalence.py has the same formula; a test compares them.

const KEY = "pneumonia-prevalence";

/** The choices: [1, 10] means 1 in 10. */
export const CHOICES = [[1, 100], [1, 50], [1, 20], [1, 10], [1, 5], [1, 3], [1, 2], [2, 3], [3, 4]];

let calibrated = 0.5;

/** Take the prevalence of the calibration from the model card. */
export function useCalibration(card) {
    calibrated = card.calibration?.prevalence ?? calibrated;
}

/** Return the prevalence of the calibration, 0..1. */
export const calibratedPrevalence = () => calibrated;

/** Return the prevalence that the reader chose in this tab, 0..1. The default is the prevalence of the calibration. */
export function prevalence() {
    const kept = Number(sessionStorage.getItem(KEY));
    return kept > 0 && kept < 1 ? kept : calibrated;
}

/** Keep a choice until the tab is closed. */
export function choosePrevalence(value) {
    sessionStorage.setItem(KEY, String(value));
}

/** Convert a probability from one prevalence to another by Bayes' theorem; all in 0..1. */
export function atPrevalence(probability, from, to) {
    if (from === to) return probability;
    const ill = (probability * to) / from;
    const well = ((1 - probability) * (1 - to)) / (1 - from);
    return ill / (ill + well);
}

/** Return a calibrated probability at the prevalence that the reader chose. */
export const shown = (probability) => atPrevalence(probability, calibrated, prevalence());

/** Return words before "such children": "1 in 10" for 0.1, or "12% of" if the prevalence is none of the choices. */
export function prevalenceWords(value) {
    const known = CHOICES.find(([some, all]) => Math.abs(some / all - value) < 1e-9);
    return known ? `${known[0]} in ${known[1]}` : `${Number((100 * value).toPrecision(3))}% of`;
}
