"""Count the outcomes of a backfill, for one batch or for all batches together."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pneumonia.uploads.document import ResultDocument


@dataclass
class Tally:
    """Counts, where `items` = `predicted` + `rejected` + `failed` + all of `skipped`.

    Attributes:
        failed: images that could not be processed, for a reason that may be temporary. Their results are provisional.
        already_there: the number of images in `predicted` and `rejected` that already had a result.
        labels, triage: counts of the predicted images.
        codes: counts of the rejected and the failed images.
        groups: counts of the predicted images, by the first of these groups that applies: `forced`, `outside`
            (outside the training population), or the triage.
    """

    items: int = 0
    predicted: int = 0
    rejected: int = 0
    failed: int = 0
    already_there: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    labels: Counter[str] = field(default_factory=Counter)
    triage: Counter[str] = field(default_factory=Counter)
    groups: Counter[str] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)

    def result(self, document: ResultDocument, *, already_there: bool = False) -> None:
        """Count a result in the results bucket."""
        self.items += 1
        self.already_there += already_there
        if document.status == "predicted":
            self.predicted += 1
            self.labels[document.content["label"]] += 1
            self.triage[document.content["triage"]] += 1
            self.groups[_group(document)] += 1
        else:
            self.rejected += 1
            self.codes[document.content["code"]] += 1

    def failure(self, code: str) -> None:
        """Count an image whose provisional result has this error code."""
        self.items += 1
        self.failed += 1
        self.codes[code] += 1

    def skip(self, reason: str) -> None:
        self.items += 1
        self.skipped[reason] += 1

    def add(self, counts: Mapping[str, Any]) -> None:
        """Add the counts from `to_json`. Raises TypeError, KeyError or ValueError for anything else."""
        # If a run spans a release, its earlier batches may have no groups.
        counts = {"groups": {}, **counts}
        for name, value in self.__dict__.items():
            if isinstance(value, Counter):
                value.update({str(key): int(number) for key, number in counts[name].items()})
            else:
                setattr(self, name, value + int(counts[name]))

    def to_json(self) -> dict[str, Any]:
        return {
            name: dict(sorted(value.items())) if isinstance(value, Counter) else value
            for name, value in self.__dict__.items()
        }


def _group(document: ResultDocument) -> str:
    content = document.content
    if content.get("forced"):
        return "forced"
    return "outside" if content.get("in_training_population") is False else str(content["triage"])
