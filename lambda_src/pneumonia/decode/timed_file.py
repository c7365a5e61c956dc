"""A byte stream with a time limit, to stop decoders that read their input piece by piece."""

import io
import time

from pneumonia.errors import TookTooLong


class TimedFile(io.BytesIO):
    """A file in memory whose `read` raises TookTooLong after the time limit.

    Pillow passes its JPEG, PNG and BMP decoders at most 64 KiB at a time, so the limit is checked between pieces.
    Decoders that take the whole file in one call cannot be stopped this way; `isolated` handles those.
    """

    def __init__(self, data: bytes, seconds: float) -> None:
        super().__init__(data)
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as from a file. Raises TookTooLong."""
        if time.monotonic() > self._end:
            raise took_too_long(self._seconds)
        return super().read(size)


def took_too_long(seconds: float) -> TookTooLong:
    """Return the error for an image whose decoding was stopped."""
    return TookTooLong(
        f"The image could not be decoded within {seconds:g} seconds. Export the image again, smaller or as JPEG or PNG."
    )
