// How common pneumonia is where the reader works, and what that makes of a probability.
//
// The model is calibrated at one prevalence, which its card names. The reader chooses another one; the choice lasts
// as long as the tab. The same formula as in the service's pneumonia/prevalence.py; a test compares them.

const KEY = "pneumonia-prevalence";

/** What can be chosen, as "so many in so many". */
export const CHOICES = [[1, 100], [1, 50], [1, 20], [1, 10], [1, 5], [1, 3], [1, 2], [2, 3], [3, 4]];

let calibrated = 0.5;

/** Take the prevalence of the calibration from the model card. */
export function useCalibration(card) {
    calibrated = card.calibration?.prevalence ?? calibrated;
}

/** The prevalence of the calibration, 0..1. */
export const calibratedPrevalence = () => calibrated;

/** The prevalence that the reader chose in this tab, 0..1; at first that of the calibration. */
export function prevalence() {
    const kept = Number(sessionStorage.getItem(KEY));
    return kept > 0 && kept < 1 ? kept : calibrated;
}

/** Keep a choice until the tab is closed. */
export function choosePrevalence(value) {
    sessionStorage.setItem(KEY, String(value));
}

/** Bayes' theorem: a probability at one prevalence as that at another one; all in 0..1. */
export function atPrevalence(probability, from, to) {
    if (from === to) return probability;
    const ill = (probability * to) / from;
    const well = ((1 - probability) * (1 - to)) / (1 - from);
    return ill / (ill + well);
}

/** A calibrated probability at the prevalence that the reader chose. */
export const shown = (probability) => atPrevalence(probability, calibrated, prevalence());

/** "1 in 10" for 0.1; a percentage where it is none of the choices. */
export function prevalenceWords(value) {
    const known = CHOICES.find(([some, all]) => Math.abs(some / all - value) < 1e-9);
    return known ? `${known[0]} in ${known[1]}` : `${Number((100 * value).toPrecision(3))}%`;
}
