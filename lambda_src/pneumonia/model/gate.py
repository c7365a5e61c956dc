"""Check that an image is a chest X-ray, that it is upright, and that it resembles the training images.

The graph measures the image, the card sets the limits, and this module compares them. The distance measures how far
the features of the image are from those of chest X-rays (`training/gate.py`). The pose says how the image was turned
or inverted.
"""

from enum import Enum
from typing import NamedTuple

from PIL import Image, ImageChops

from pneumonia.errors import NotAChestXray, PneumoniaError, WrongOrientation
from pneumonia.model.card import POSES, GateSpec

_UNDO_TURN = {
    "turned_90": Image.Transpose.ROTATE_270,
    "upside_down": Image.Transpose.ROTATE_180,
    "turned_270": Image.Transpose.ROTATE_90,
}


class GateScores(NamedTuple):
    """The gate outputs of the graph for one image. `pose` is an index into POSES."""

    distance: float
    population: float
    pose: int


class Verdict(Enum):
    """XRAY: an upright chest X-ray. CHANGED: perhaps a chest X-ray, but inverted or turned. OTHER: not a chest
    X-ray."""

    XRAY = "xray"
    CHANGED = "changed"
    OTHER = "other"


def judge(scores: GateScores, limits: GateSpec) -> Verdict:
    """Return the verdict on an image as sent."""
    if scores.distance > limits.distance:
        return Verdict.OTHER
    return Verdict.XRAY if POSES[scores.pose] == "upright" else Verdict.CHANGED


def hypothesis(scores: GateScores) -> str:
    """Return the change, a member of POSES, that may explain why an image does not look like an upright chest X-ray.

    An image that looks upright but unlike a chest X-ray may be inverted.
    """
    pose = POSES[scores.pose]
    return "inverted" if pose == "upright" else pose


def undone(pixels: Image.Image, change: str) -> Image.Image:
    """Undo `change`, a member of POSES, in `pixels` (mode "L")."""
    return ImageChops.invert(pixels) if change == "inverted" else pixels.transpose(_UNDO_TURN[change])


def in_training_population(scores: GateScores, limits: GateSpec) -> bool:
    """Return whether an image looks like those that the model was trained on."""
    return scores.population <= limits.population


def refusal(change: str | None) -> PneumoniaError:
    """Return the error for an image turned by `change`. If `change` is None, the image is not a chest X-ray."""
    if change is None:
        return NotAChestXray(
            "The image does not look like a frontal chest X-ray. Send the original image, upright and uncropped. "
            "If it is a frontal chest X-ray, send it again with force=true."
        )
    turned = "upside down" if change == "upside_down" else "rotated by 90 degrees"
    return WrongOrientation(f"The image is {turned}. Turn it upright and send it again, or send it with force=true.")
