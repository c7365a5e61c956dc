"""The prediction or refusal for one image, from the service or the local model, as input for pictures and reports."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """A prediction or a refusal.

    `fields`: the fields of a prediction, or code, title and detail of a refusal (`refused` is True). `model`: name,
    version and sha256 of the model that was used. `force`: whether the caller asked to predict an image even if it is
    not an upright chest X-ray. `heatmap_png`: the heatmap overlay of a prediction; None if it was not fetched.
    """

    fields: Mapping[str, Any]
    model: Mapping[str, str]
    force: bool
    heatmap_png: bytes | None = None

    @classmethod
    def of_line(
        cls, line: Mapping[str, Any], model: Mapping[str, str], *, force: bool, heatmap_png: bytes | None = None
    ) -> "Answer":
        """Create it from `line`: the fields of a prediction, or `error` with the fields of a refusal."""
        return cls(line.get("error", line), line.get("model") or model, force, heatmap_png)

    @property
    def refused(self) -> bool:
        """Whether there is no prediction."""
        return "pneumonia" not in self.fields

    @property
    def choices(self) -> dict[str, Any]:
        """The choices of the caller that change the result. The UIDs of the result depend on them."""
        chosen: dict[str, Any] = {"force": True} if self.force else {}
        elsewhere = self.fields.get("at_prevalence")
        return chosen if elsewhere is None else {**chosen, "prevalence": elsewhere["prevalence"]}

    @property
    def outside_population(self) -> bool | None:
        """Whether the X-ray is outside of the population that the model was trained on; None if unknown."""
        known = self.fields.get("in_training_population")
        return None if known is None else not known

    @property
    def warnings(self) -> list[str]:
        """Codes of the warnings about the image."""
        return [str(code) for code in (self.fields.get("image") or {}).get("warnings") or []]
