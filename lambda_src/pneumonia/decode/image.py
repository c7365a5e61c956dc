"""The data class that images of every format are decoded into, and the checks of their content."""

from bisect import bisect_left
from dataclasses import asdict, dataclass, field, replace
from itertools import accumulate
from typing import Any, NamedTuple

from PIL import Image

from pneumonia.errors import BlankImage, TooSmall

FUNCTIONS = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
"""VOI LUT functions (DICOM PS3.3 C.11.2.1.3)."""

UID_PATTERN = "^[0-9][0-9.]{0,63}$"
"""Pattern of a DICOM UID (PS3.5, 9.1), strict enough that no name matches."""

BLANK_SPREAD = 8
"""An image is blank if fewer grey levels, of 255, are between its darkest 1% and its brightest 1%."""

BORDER = 0.1
"""Width of the border where grey levels are not counted, as a share of each side. Labels and collimators are there."""
FEW_LEVELS = 48
"""An image with fewer grey levels gets a warning, because its contrast was lost. Of 1,073 images of two hospitals, the
one with the fewest has 71."""
_STRIP_PIXELS = 2**20


@dataclass(frozen=True)
class Window:
    """A window that was applied: centre and width in units after the modality LUT (DICOM PS3.3 C.11.2.1.2)."""

    center: float
    width: float
    function: str


@dataclass(frozen=True)
class DicomFacts:
    """What a DICOM file says about its image, without anything that identifies the patient.

    `bits_stored`: 1..16. The instance and study UIDs serve to match the response to the image.
    """

    photometric_interpretation: str
    bits_stored: int
    window: Window | None
    sop_instance_uid: str | None
    study_instance_uid: str | None


class Depth(NamedTuple):
    """The depth of an image's samples. `bits`: how many of their highest bits are used, 1..16.

    `black`, `white`: the sample values that a prediction treats as black and as white.
    """

    bits: int
    black: int
    white: int


EIGHT_BITS = Depth(8, 0, 255)


@dataclass(frozen=True)
class DecodedImage:
    """A decoded image. `pixels` is upright, mode "L", bright where the X-ray is. `width` and `height` are the size of
    the upright image in the file; `pixels` may be smaller (`preprocess.reduce_while_decoding`).

    An image decoded in its own depth has mode "I;16" if it has more than 8 bits, and `depth` describes its samples.

    `format` is a name of FORMATS. `inverted`: decoding exchanged dark and bright. `warnings` are codes.
    `other_population`: the file says that the image is not of the training population.
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
        """Return the same image with one more warning."""
        return replace(self, warnings=(*self.warnings, code))

    def to_json(self) -> dict[str, Any]:
        """Return the `image` member of a prediction."""
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
    """Refuse an image that is too small or blank. Return it, with a warning if it has few grey levels.

    Raises TooSmall, BlankImage.
    """
    if min(image.width, image.height) < min_side:
        raise TooSmall(
            f"The image has {image.width} x {image.height} pixels, but needs at least {min_side} on each side. "
            "Send the original image, not a thumbnail."
        )
    width, height = image.pixels.size
    left, top = int(width * BORDER), int(height * BORDER)
    counts = _histogram(image.pixels, left, top, width - left, height - top)
    # In a blank image, at most 1% of the pixels are darker than its few grey levels, and at most 1% are brighter. Each
    # 1% is at most 1% / 0.64 of the pixels inside the border. The histogram of the whole image is therefore needed only
    # if the histogram inside the border is also narrow.
    if _spread(counts, 0.016) < BLANK_SPREAD and _spread(image.pixels.histogram(), 0.01) < BLANK_SPREAD:
        raise BlankImage("The image is blank: nearly all of it is one grey level. Check the exposure and the export.")
    dark, bright = _levels(counts, 0.01)
    levels = sum(count > 0 for count in counts[dark : bright + 1])
    return image.warned("low_contrast") if levels < FEW_LEVELS else image


def _histogram(pixels: Image.Image, left: int, top: int, right: int, bottom: int) -> list[int]:
    """Count the pixels of each grey level in a part of an image. Count in strips, because a crop is a copy."""
    rows = max(1, _STRIP_PIXELS // max(1, right - left))
    counts = pixels.crop((left, top, right, min(bottom, top + rows))).histogram()
    for row in range(top + rows, bottom, rows):
        more = pixels.crop((left, row, right, min(bottom, row + rows))).histogram()
        counts = [count + other for count, other in zip(counts, more, strict=True)]
    return counts


def _levels(counts: list[int], share: float) -> tuple[int, int]:
    """Return the grey levels of the darkest and of the brightest `share` of the pixels."""
    # Plain Python is used, because numpy's code is no longer in the CPU caches after the previous prediction.
    below = list(accumulate(counts))
    return bisect_left(below, share * below[-1]), bisect_left(below, (1 - share) * below[-1])


def _spread(counts: list[int], share: float) -> int:
    dark, bright = _levels(counts, share)
    return bright - dark
