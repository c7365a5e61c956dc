"""What an image may cost before and while it is decoded."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Most bytes of a file, most pixels (width x height), and what else bounds the work on one image.

    All but `max_bytes` are checked against the headers, before any pixel is decoded. `max_decoded_bytes`: memory for
    the pixels on their way to grey. `max_frames`: of an image with up to
    that many the first is read; more are refused. `max_dicom_elements` counts nested ones too; `max_dicom_nesting` is
    the depth of sequences. `min_side`: shorter sides hold no radiograph, in pixels.
    `seconds`: of decoding, by the clock.
    """

    max_bytes: int
    max_pixels: int
    max_decoded_bytes: int = 400_000_000
    max_frames: int = 1
    max_dicom_elements: int = 10_000
    max_dicom_nesting: int = 16
    min_side: int = 1
    seconds: float = 10.0

    @property
    def max_inflated_bytes(self) -> int:
        """Of a deflated DICOM data set: two bytes for each pixel, and a megabyte of other elements."""
        return min(self.max_decoded_bytes, 2 * self.max_pixels + 2**20)
