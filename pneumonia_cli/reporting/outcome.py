"""The outcome for one image, in the form that tables, files and reports share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pneumonia_cli.reporting.images import ImageFile


@dataclass(frozen=True)
class Outcome:
    """The outcome for one image.

    `result`: the JSON document of the results bucket (status `predicted` or `rejected`), or None. `heatmap_png`: set
    for predicted images. `missing`: the reason why there is no result.
    """

    image: ImageFile
    result: dict[str, Any] | None = None
    heatmap_png: bytes | None = None
    missing: str | None = None

    @property
    def status(self) -> str:
        """`predicted`, `rejected` or `missing`."""
        return "missing" if self.result is None else str(self.result["status"])

    @property
    def probability(self) -> float:
        """The probability of pneumonia, only for predicted images."""
        assert self.result is not None  # noqa: S101 - for the type checker
        return float(self.result["pneumonia"])


def by_status(outcomes: Sequence[Outcome], status: str) -> list[Outcome]:
    """Return the outcomes with one status. Predicted images: highest probability of pneumonia first."""
    chosen = [outcome for outcome in outcomes if outcome.status == status]
    if status == "predicted":
        chosen.sort(key=lambda outcome: (-outcome.probability, outcome.image.name))
    return chosen
