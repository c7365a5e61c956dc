"""Compare two models on the same images, before one replaces the other."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from pneumonia_cli.audit import figures
from pneumonia_cli.audit.figures import Interval
from pneumonia_cli.audit.labels import Labelled
from pneumonia_cli.audit.measure import Line, scores_of
from pneumonia_cli.reporting.verdict import WORDS

MOST_SHOWN: Final = 25


@dataclass(frozen=True)
class Change:
    """The answers of two models for one image: file name, label in words, probability and triage of each model."""

    file: str
    label: str
    before: float
    after: float
    triage_before: str
    triage_after: str

    @property
    def difference(self) -> float:
        return self.after - self.before


@dataclass(frozen=True)
class Comparison:
    """The comparison of two models.

    `films`: number of images that both models predicted. `auc`: AUC of the second model minus AUC of the first on
    these images. `triage`: number of images by triage of the first model, then of the second model. `labels_changed`:
    number of images whose label at the balanced point changes, by true label. `largest`: the images with the largest
    differences. `answered_by_one`: for each model, the number of images that only this model predicted.
    """

    films: int
    auc: Interval
    triage: dict[str, dict[str, int]]
    labels_changed: dict[str, int]
    triage_changed: int
    largest: list[Change]
    answered_by_one: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """Return the comparison as plain JSON."""
        return {**vars(self), "auc": self.auc.to_json(), "largest": [vars(change) for change in self.largest]}


def compare(films: Sequence[Labelled], first: Sequence[Line], second: Sequence[Line]) -> Comparison:
    """Compare two models. `first`, `second`: the lines of each model, in the order of `films`."""
    one, two = scores_of(films, first), scores_of(films, second)
    both = np.intersect1d(one.index, two.index)
    one, two = one.of(np.isin(one.index, both)), two.of(np.isin(two.index, both))
    y = one.y

    def gain(chosen: Any) -> float:
        return figures.auc(y[chosen], two.p[chosen]) - figures.auc(y[chosen], one.p[chosen])

    everything = np.arange(both.size)
    auc = (
        Interval(gain(everything), *figures.bootstrap(gain, one.groups)) if both.size else Interval(*[float("nan")] * 3)
    )
    changes = [_change(films[k], first[k], second[k]) for k in both]
    table = {before: dict.fromkeys(WORDS, 0) for before in WORDS}
    for change in changes:
        table[change.triage_before][change.triage_after] += 1
    labels = Counter(
        change.label for change, k in zip(changes, both, strict=True) if first[k]["label"] != second[k]["label"]
    )
    return Comparison(
        films=int(both.size),
        auc=auc,
        triage=table,
        labels_changed={kind: labels[kind] for kind in ("pneumonia", "normal")},
        triage_changed=sum(change.triage_before != change.triage_after for change in changes),
        largest=sorted(changes, key=lambda change: (-abs(change.difference), change.file))[:MOST_SHOWN],
        answered_by_one={
            "first": sum("pneumonia" in a and "pneumonia" not in b for a, b in zip(first, second, strict=True)),
            "second": sum("pneumonia" in b and "pneumonia" not in a for a, b in zip(first, second, strict=True)),
        },
    )


def _change(labelled: Labelled, before: Line, after: Line) -> Change:
    return Change(
        labelled.image.name,
        "pneumonia" if labelled.label else "normal",
        float(before["pneumonia"]),
        float(after["pneumonia"]),
        str(before["triage"]),
        str(after["triage"]),
    )
