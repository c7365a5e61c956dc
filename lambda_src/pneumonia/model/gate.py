"""Is the picture a chest X-ray, upright, and of the population that the model was trained on?

The graph measures, the card sets the limits, this module judges. The distance is how far the picture's features lie
from those of chest X-rays (`training/gate.py`); the pose tells how a film was turned or inverted on its way here.
"""

from dataclasses import dataclass
from enum import Enum

from PIL import Image, ImageOps

from pneumonia.errors import NotAChestXray, PneumoniaError, WrongOrientation
from pneumonia.model.card import POSES, GateSpec

_UNDO_TURN = {
    "turned_90": Image.Transpose.ROTATE_270,
    "upside_down": Image.Transpose.ROTATE_180,
    "turned_270": Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True)
class GateScores:
    """What the graph measured on one picture; `pose` is an index into POSES."""

    distance: float
    population: float
    pose: int


class Verdict(Enum):
    """FILM: as it should be. CHANGED: perhaps a film, but inverted or turned. OTHER: no chest X-ray."""

    FILM = "film"
    CHANGED = "changed"
    OTHER = "other"


def judge(scores: GateScores, limits: GateSpec) -> Verdict:
    """What a picture is at first sight."""
    if scores.distance > limits.distance:
        return Verdict.OTHER
    return Verdict.FILM if POSES[scores.pose] == "upright" else Verdict.CHANGED


def hypothesis(scores: GateScores) -> str:
    """The change that would explain a picture that is no plain film: a member of POSES.

    One that looks upright and still is not like a film may be inverted.
    """
    pose = POSES[scores.pose]
    return "inverted" if pose == "upright" else pose


def undone(pixels: Image.Image, change: str) -> Image.Image:
    """`pixels` (mode "L") with `change`, a member of POSES, taken back."""
    return ImageOps.invert(pixels) if change == "inverted" else pixels.transpose(_UNDO_TURN[change])


def in_training_population(scores: GateScores, limits: GateSpec) -> bool:
    """Whether a film looks like those that the model was trained on."""
    return scores.population <= limits.population


def refusal(change: str | None) -> PneumoniaError:
    """The error for a film that was turned by `change`, or, with None, for what is no chest X-ray."""
    if change is None:
        return NotAChestXray(
            "The image does not look like a frontal chest X-ray. Send the film itself, upright and uncropped; "
            "if it is one, send it again with force=true."
        )
    turned = "stands on its head" if change == "upside_down" else "lies on its side"
    return WrongOrientation(f"The film {turned}. Turn it upright and send it again, or send it with force=true.")
