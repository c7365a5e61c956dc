"""One answer of the service or of the local model, in the form that pictures and reports are made from."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """`fields`: those of a prediction, or code, title and detail of a refusal (`refused` is True).

    `model`: name, version and sha256 of the model that was asked. `heatmap_png`: the overlay of a prediction, if it
    was fetched. `force`: whether the caller asked for a prediction whatever the image shows.
    """

    fields: Mapping[str, Any]
    model: Mapping[str, str]
    force: bool
    heatmap_png: bytes | None = None

    @classmethod
    def of_line(
        cls, line: Mapping[str, Any], model: Mapping[str, str], *, force: bool, heatmap_png: bytes | None = None
    ) -> "Answer":
        """From the fields of a prediction, or from `error` with those of a refusal."""
        return cls(line.get("error", line), line.get("model") or model, force, heatmap_png)

    @property
    def refused(self) -> bool:
        """Whether nothing was predicted."""
        return "pneumonia" not in self.fields

    @property
    def choices(self) -> dict[str, Any]:
        """What the caller chose that changes the result; it is part of the UIDs."""
        chosen: dict[str, Any] = {"force": True} if self.force else {}
        elsewhere = self.fields.get("at_prevalence")
        return chosen if elsewhere is None else {**chosen, "prevalence": elsewhere["prevalence"]}

    @property
    def outside_population(self) -> bool | None:
        """Whether the film is of another population than that of the training films; None if nobody can tell."""
        known = self.fields.get("in_training_population")
        return None if known is None else not known

    @property
    def warnings(self) -> list[str]:
        """Codes of the warnings about the image."""
        return [str(code) for code in (self.fields.get("image") or {}).get("warnings") or []]
