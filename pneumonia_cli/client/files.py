"""Image files of the user: found by name, read within limits."""

from collections.abc import Sequence
from pathlib import Path

from pneumonia.decode.limits import Limits
from pneumonia.errors import MissingImage, TooLarge
from pneumonia_cli.client.errors import Refused, UsageProblem
from pneumonia_cli.reporting.images import ImageFile, NoImages, find_images

MAX_IMAGE_BYTES = Limits.max_image_bytes
"""The default of the setting `max_image_bytes`: what is larger would be refused after its upload."""


def find(specs: Sequence[str]) -> list[ImageFile]:
    """Files, folders or patterns to files. Raises UsageProblem if one matches nothing."""
    try:
        return find_images(specs)
    except NoImages as error:
        raise UsageProblem(str(error)) from None


def read(path: Path, max_bytes: int) -> bytes:
    """The bytes of a file. Raises Refused if it is empty, too large or cannot be read."""
    try:
        with path.open("rb") as stream:
            data = stream.read(max_bytes + 1)  # never more, whatever lies there
    except OSError as error:
        raise Refused("unreadable_file", "The file could not be read", f"{error.strerror}.") from None
    if not data:
        raise Refused(MissingImage.code, MissingImage.title, "The file is empty.", MissingImage.status)
    if len(data) > max_bytes:
        detail = f"The file has more than {max_bytes} bytes, the limit. Use a smaller file."
        raise Refused(TooLarge.code, TooLarge.title, detail, TooLarge.status)
    return data
