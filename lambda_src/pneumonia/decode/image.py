"""The one form that every format is brought into."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
from PIL import Image

from pneumonia.errors import BlankImage, TooSmall

FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
"""VOI LUT functions (DICOM PS3.3 C.11.2.1.3)."""

UID_PATTERN = "^[0-9][0-9.]{0,63}$"
"""What a DICOM UID looks like (PS3.5, 9.1), near enough to hold no name."""

BLANK_SPREAD = 8
"""Grey levels of 255 between the darkest and the brightest hundredth of the flattest film worth reading."""

BORDER = 0.1
"""Share of each side at which greys are not counted: labels and collimators are there."""
FEW_LEVELS = 48
"""Grey levels that a film has at least, or the answer warns: its contrast was lost on the way. Of 1,073 films of
two hospitals the poorest has 71."""


@dataclass(frozen=True)
class Window:
    """A window that was applied: centre and width in units after the modality LUT (DICOM PS3.3 C.11.2.1.2)."""

    center: float
    width: float
    function: str


@dataclass(frozen=True)
class DicomFacts:
    """What a DICOM file says about its image. Nothing in here tells who the patient is.

    `bits_stored`: 1..16. The instance and study UID are for matching the answer to the image.
    """

    photometric_interpretation: str
    bits_stored: int
    window: Window | None
    sop_instance_uid: str | None
    study_instance_uid: str | None


@dataclass(frozen=True)
class Depth:
    """What the samples of an image are. `bits`: how many of them tell something, the highest ones, 1..16.

    `black`, `white`: the samples that a prediction takes for black and for white.
    """

    bits: int
    black: int
    white: int


EIGHT_BITS = Depth(8, 0, 255)


@dataclass(frozen=True)
class DecodedImage:
    """`pixels` is upright, mode "L", bright where the film is. `width` and `height` are those of the film as it came,
    upright; `pixels` may be smaller (`preprocess.reduce_while_decoding`).

    What was decoded in its own depth is mode "I;16" where it has more than 8 bits, and `depth` tells of its samples.

    `format` is a name of FORMATS. `inverted`: dark and bright were exchanged on the way. `warnings` are codes.
    `other_population`: the file says that the film is not of those that the model was trained on.
    """

    pixels: Image.Image
    format: str
    width: int
    height: int
    inverted: bool = False
    dicom: DicomFacts | None = None
    warnings: tuple[str, ...] = field(default=())
    other_population: bool = False
    depth: Depth = EIGHT_BITS

    def warned(self, code: str) -> "DecodedImage":
        """The same image with one more warning."""
        return replace(self, warnings=(*self.warnings, code))

    def to_json(self) -> dict[str, Any]:
        """The `image` member of a prediction."""
        facts = self.dicom
        return {
            "format": self.format,
            "width": self.width,
            "height": self.height,
            "photometric_interpretation": facts.photometric_interpretation if facts else None,
            "bits_stored": facts.bits_stored if facts else None,
            "window": asdict(facts.window) if facts and facts.window else None,
            "inverted": self.inverted,
            "sop_instance_uid": facts.sop_instance_uid if facts else None,
            "study_instance_uid": facts.study_instance_uid if facts else None,
            "warnings": list(self.warnings),
        }


def check_content(image: DecodedImage, min_side: int) -> DecodedImage:
    """The image, with a warning where it has few grey levels. Refuses what holds no film whatever it shows.

    Raises TooSmall, BlankImage.
    """
    if min(image.width, image.height) < min_side:
        raise TooSmall(
            f"The image has {image.width} x {image.height} pixels, at least {min_side} are needed on each side. "
            "Send the film itself, not its thumbnail."
        )
    dark, bright = _hundredths(image.pixels.histogram())
    if bright - dark < BLANK_SPREAD:
        raise BlankImage("The image is one grey nearly everywhere: there is nothing to read. Send the exposed film.")
    width, height = image.pixels.size
    left, top = int(width * BORDER), int(height * BORDER)
    counts = image.pixels.crop((left, top, width - left, height - top)).histogram()
    dark, bright = _hundredths(counts)
    levels = sum(count > 0 for count in counts[dark : bright + 1])
    return image.warned("low_contrast") if levels < FEW_LEVELS else image


def _hundredths(counts: list[int]) -> tuple[int, int]:
    """The grey levels of the darkest and of the brightest hundredth of the pixels."""
    below = np.cumsum(counts)
    dark, bright = np.searchsorted(below, [0.01 * below[-1], 0.99 * below[-1]])
    return int(dark), int(bright)
