"""Bytes that can be read until a limit of time: what stops the decoders that ask for their input piece by piece."""

import io
import time

from pneumonia.errors import TookTooLong


class TimedFile(io.BytesIO):
    """A file in memory whose `read` raises TookTooLong once its time is over.

    Pillow hands its decoders of JPEG, PNG and BMP 64 KiB at most and comes back for more, so it meets this between two
    pieces. A decoder that takes the whole file in one call never comes back: `isolated` has another way for those.
    """

    def __init__(self, data: bytes, seconds: float) -> None:
        super().__init__(data)
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def read(self, size: int | None = -1, /) -> bytes:
        """As that of a file. Raises TookTooLong."""
        if time.monotonic() > self._end:
            raise took_too_long(self._seconds)
        return super().read(size)


def took_too_long(seconds: float) -> TookTooLong:
    """The error for an image whose decoding was stopped."""
    return TookTooLong(
        f"The image could not be decoded within {seconds:g} seconds. Export the film again, smaller or as JPEG or PNG."
    )
