"""What an image may cost before and while it is decoded."""

from dataclasses import dataclass

from pneumonia.declaration import integer, setting


@dataclass(frozen=True)
class Limits:
    """Settings that bound the work on one image; sizes in bytes and pixels, times in seconds.

    All but `max_image_bytes` and `decode_seconds` are checked against the headers, before any pixel is decoded.
    """

    max_image_bytes: int = setting(integer(1_000, 500_000_000), "largest image file, in bytes", default=40_000_000)
    # Above the highest value Pillow's own guard against decompression bombs would refuse what this allows (a quarter
    # GiB of 24-bit pixels).
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
        "frames or pages of a file; above 1 the first is read and the answer says so",
        default=1,
    )
    max_dicom_elements: int = setting(
        integer(100, 1_000_000), "elements of a DICOM file, those in sequences included", default=10_000
    )
    max_dicom_nesting: int = setting(integer(1, 100), "depth of the sequences of a DICOM file", default=16)
    min_image_side: int = setting(integer(1, 1_000), "shorter sides are refused as thumbnails, in pixels", default=64)
    decode_seconds: float = setting(
        integer(1, 60),
        "time in which one image must be decoded; below `api_timeout_seconds`, and times `batch_size` below "
        "`worker_timeout_seconds`",
        default=10,
    )

    @property
    def max_inflated_bytes(self) -> int:
        """Of a deflated DICOM data set: two bytes for each pixel, and a megabyte of other elements."""
        return min(self.max_decoded_bytes, 2 * self.max_image_pixels + 2**20)

    @property
    def max_child_bytes(self) -> int:
        """What the process that decodes may allocate: the rest of the memory for an image is for the file and the grey
        pixels that come of it, on the other side."""
        return self.max_decoded_bytes * 3 // 4
