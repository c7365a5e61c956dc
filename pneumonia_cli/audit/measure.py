"""Measure the predictions of a model for labelled images."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pneumonia.model.card import Card
from pneumonia.prevalence import HIGHEST, LOWEST, probability_at
from pneumonia_cli.audit import figures
from pneumonia_cli.audit.figures import Array, Groups, Interval, Labels
from pneumonia_cli.audit.labels import Labelled
from pneumonia_cli.reporting.verdict import WORDS, caveat_of

SUGGESTED_SENSITIVITY: Final = 0.95
FEW: Final = 50
"""The fewest patients with pneumonia, and the fewest normal patients, for which a suggested threshold is reliable."""

Line = Mapping[str, Any]
"""The fields of a prediction, or `error` with the fields of a refusal."""


@dataclass(frozen=True)
class Scores:
    """The predicted images, with [N] values in each field. `index`: their positions among all labelled images."""

    index: NDArray[np.int64]
    y: Labels
    p: Array
    groups: Groups

    def of(self, chosen: Any) -> "Scores":
        """Return the scores that a mask or an array of positions selects."""
        return Scores(self.index[chosen], self.y[chosen], self.p[chosen], self.groups[chosen])


def scores_of(films: Sequence[Labelled], lines: Sequence[Line]) -> Scores:
    """Return the scores of predicted images. Refused images do not count in any figure."""
    numbers = {patient: number for number, patient in enumerate(dict.fromkeys(one.patient for one in films))}
    index = np.array([k for k, line in enumerate(lines) if "pneumonia" in line], np.int64)
    return Scores(
        index,
        np.array([films[k].label for k in index], np.int64),
        np.array([lines[k]["pneumonia"] for k in index], np.float64),
        np.array([numbers[films[k].patient] for k in index], np.int64),
    )


@dataclass(frozen=True)
class Audit:
    """The figures of one model.

    `points`: the result of `figures.at_threshold` for each operating point. `triage`: number of images by triage and
    label. `local`: probabilities at the share of pneumonia among these images, [N] as in `scores`. `parts`: AUC and
    counts of the images inside and outside the training population, if there are both. `suggested`: the result of
    `figures.at_threshold` for the suggested threshold.
    """

    card: Card
    scores: Scores
    auc: Interval
    points: dict[str, dict[str, Any]]
    triage: dict[str, dict[str, int]]
    prevalence: float
    local: Array
    calibration_error: float
    refused: dict[str, dict[str, int]]
    parts: dict[str, dict[str, Any]]
    suggested: dict[str, Any]

    @property
    def films(self) -> dict[str, int]:
        """Counts of predicted images and of their patients, by label."""
        counted = {}
        for name, label in (("pneumonia", 1), ("normal", 0)):
            chosen = self.scores.y == label
            counted[name] = int(chosen.sum())
            counted[f"{name}_patients"] = int(np.unique(self.scores.groups[chosen]).size)
        return counted

    @property
    def few(self) -> bool:
        """Whether there are too few patients of a class to suggest a threshold."""
        return min(self.films["pneumonia_patients"], self.films["normal_patients"]) < FEW

    def to_json(self) -> dict[str, Any]:
        """Return all figures, with intervals as [value, low, high]."""

        def plain(point: Mapping[str, Any]) -> dict[str, Any]:
            return {name: value.to_json() if isinstance(value, Interval) else value for name, value in point.items()}

        return {
            "model": self.card.identity(),
            "films": self.films,
            "prevalence": round(self.prevalence, 4),
            "auc": self.auc.to_json(),
            "operating_points": {name: plain(point) for name, point in self.points.items()},
            "triage": self.triage,
            "expected_calibration_error": round(self.calibration_error, 4),
            "refused": self.refused,
            "populations": {name: plain(part) for name, part in self.parts.items()},
            "suggested": plain(self.suggested),
        }


def measure(films: Sequence[Labelled], lines: Sequence[Line], card: Card) -> Audit:
    """Return the figures of a model. `lines`: its answers for `films`, in the same order.

    Raises ValueError if the model predicted no image with pneumonia or no normal image.
    """
    scores = scores_of(films, lines)
    y, p, groups = scores.y, scores.p, scores.groups
    if len(set(y.tolist())) < 2:
        raise ValueError("all predicted images have the same label")
    prevalence = float(np.clip(y.mean(), LOWEST, HIGHEST))
    local = np.array([probability_at(float(value), card.calibration.prevalence, prevalence) for value in p])
    points = card.operating_points
    thresholds = {"rule_out": points.rule_out, "balanced": points.balanced, "rule_in": points.rule_in}
    suggested = figures.threshold_for_sensitivity(y, p, SUGGESTED_SENSITIVITY)
    return Audit(
        card=card,
        scores=scores,
        auc=figures.auc_interval(y, p, groups),
        points={name: figures.at_threshold(y, p, groups, threshold) for name, threshold in thresholds.items()},
        triage=_by_triage(films, lines),
        prevalence=prevalence,
        local=local,
        calibration_error=figures.calibration_error(y, local),
        refused=_refused(films, lines),
        parts=_parts(scores, lines),
        suggested=figures.at_threshold(y, p, groups, suggested),
    )


def _by_triage(films: Sequence[Labelled], lines: Sequence[Line]) -> dict[str, dict[str, int]]:
    counts = {triage: {"pneumonia": 0, "normal": 0} for triage in WORDS}
    for labelled, line in zip(films, lines, strict=True):
        if "pneumonia" in line:
            counts[str(line["triage"])]["pneumonia" if labelled.label else "normal"] += 1
    return counts


def _refused(films: Sequence[Labelled], lines: Sequence[Line]) -> dict[str, dict[str, int]]:
    counts: dict[str, Counter[str]] = {}
    for labelled, line in zip(films, lines, strict=True):
        if "error" in line:
            counts.setdefault(str(line["error"]["code"]), Counter())["pneumonia" if labelled.label else "normal"] += 1
    return {code: {kind: found[kind] for kind in ("pneumonia", "normal")} for code, found in sorted(counts.items())}


def _parts(scores: Scores, lines: Sequence[Line]) -> dict[str, dict[str, Any]]:
    outside = np.array([caveat_of(lines[k]) == "outside" for k in scores.index], bool)
    if outside.all() or not outside.any():
        return {}
    found = {}
    for name, chosen in (("inside", ~outside), ("outside", outside)):
        part = scores.of(chosen)
        counts = {"pneumonia": int((part.y == 1).sum()), "normal": int((part.y == 0).sum())}
        found[name] = {**counts, "auc": figures.auc_interval(part.y, part.p, part.groups)}
    return found
