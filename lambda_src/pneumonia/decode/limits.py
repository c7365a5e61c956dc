"""Limits on the work for one image, before and during decoding."""

from dataclasses import dataclass

from pneumonia.declaration import integer, setting


@dataclass(frozen=True)
class Limits:
    """Settings that bound the work on one image. Sizes are in bytes and pixels, times in seconds.

    The limits on pixels, memory, frames and DICOM elements are compared with the headers before any pixel is decoded.
    """

    max_image_bytes: int = setting(integer(1_000, 500_000_000), "largest image file, in bytes", default=40_000_000)
    # With a higher maximum, this setting could allow images that Pillow's own guard against decompression bombs (a
    # quarter GiB of 24-bit pixels) refuses.
    max_image_pixels: int = setting(
        integer(10_000, 89_478_485), "largest image once decoded, width × height", default=50_000_000
    )
    max_decoded_bytes: int = setting(
        integer(1_000_000, 2_000_000_000),
        "memory for the pixels of one image while it is decoded, in bytes",
        default=400_000_000,
    )
    max_frames: int = setting(
        integer(1, 1_000),
        "most frames or pages in a file; of several, the service predicts the first, and the response says so",
        default=1,
    )
    max_dicom_elements: int = setting(
        integer(100, 1_000_000), "most elements in a DICOM file, including those in sequences", default=10_000
    )
    max_dicom_nesting: int = setting(integer(1, 100), "most levels of nested sequences in a DICOM file", default=16)
    min_image_side: int = setting(
        integer(1, 1_000), "shortest side of an image, in pixels; smaller images are refused as thumbnails", default=64
    )
    decode_seconds: float = setting(
        integer(1, 60),
        "time limit for decoding one image; must be below `api_timeout_seconds`, and multiplied by `batch_size` below "
        "`worker_timeout_seconds`",
        default=10,
    )

    @property
    def max_inflated_bytes(self) -> int:
        """Limit for a deflated DICOM data set: two bytes for each pixel, and a megabyte for other elements."""
        return min(self.max_decoded_bytes, 2 * self.max_image_pixels + 2**20)

    @property
    def max_child_bytes(self) -> int:
        """Memory that the decoder process may allocate. The rest of the memory for one image is for the file and the
        decoded pixels in the process that sent the file."""
        return self.max_decoded_bytes * 3 // 4
