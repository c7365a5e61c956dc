"""Find and read the user's image files. Failures become errors of the command line."""

from collections.abc import Sequence
from pathlib import Path

from pneumonia.decode.limits import Limits
from pneumonia.errors import PneumoniaError
from pneumonia_cli.client.errors import Refused, UsageProblem
from pneumonia_cli.reporting import images
from pneumonia_cli.reporting.images import ImageFile, NoImages, UnreadableFile

MAX_IMAGE_BYTES = Limits.max_image_bytes
"""The default of the setting `max_image_bytes`. The service would refuse larger files after the upload."""


def find(specs: Sequence[str], exclude: Sequence[Path] = ()) -> list[ImageFile]:
    """Expand files, folders and patterns to files, without `exclude`. Raises UsageProblem if a spec matches nothing."""
    try:
        return images.find_images(specs, exclude)
    except NoImages as error:
        raise UsageProblem(str(error)) from None


def read(path: Path, max_bytes: int) -> bytes:
    """Return the bytes of a file. Raises Refused if the file is empty, too large or unreadable."""
    try:
        return images.read(path, max_bytes)
    except UnreadableFile as error:
        raise Refused(error.code, error.title, error.detail) from None  # no HTTP status: not an error of the service
    except PneumoniaError as error:
        raise Refused.of(error) from None
