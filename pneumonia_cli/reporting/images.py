"""Find the images that the user names by a file, a folder, or a pattern such as 'images/**/*.png'."""

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pneumonia.errors import MissingImage, PneumoniaError, TooLarge


class NoImages(Exception):
    """No image was found. The message says where."""


class UnreadableFile(PneumoniaError):
    """The file could not be read from the file system."""

    code = "unreadable_file"
    status = 400
    title = "The file could not be read"


@dataclass(frozen=True)
class ImageFile:
    """A file to predict. `name` is unique in its list: a relative path with forward slashes."""

    path: Path
    name: str

    @property
    def safe_name(self) -> str:
        """The name in valid UTF-8, for JSON and S3. Other bytes are escaped."""
        return self.name.encode("utf-8", "backslashreplace").decode()


def find_images(specs: Sequence[str], exclude: Sequence[Path] = ()) -> list[ImageFile]:
    """Expand files, folders and patterns into a list of files, sorted by name, without duplicates.

    A folder stands for every regular file below it, with any extension (medical files often have none), except hidden
    files and files in hidden folders. A pattern follows `glob` with `**`; folders that it matches are expanded.
    `exclude`: files of this program that may be among the images.

    Raises NoImages if one of the specs matches nothing.
    """
    found: dict[Path, None] = {}
    bases: list[Path] = []
    unwanted = {path.resolve() for path in exclude}
    for spec in specs:
        base, paths = _expand(spec)
        wanted = [path for path in paths if path.resolve() not in unwanted]
        if not wanted:
            raise NoImages(f"No image was found under {spec!r}. Specify a file, a folder, or a quoted pattern.")
        bases.append(base)
        found |= dict.fromkeys(wanted)
    root = Path(os.path.commonpath(bases))
    images = [ImageFile(path, path.relative_to(root).as_posix()) for path in found]
    return sorted(images, key=lambda image: image.name)


def read(path: Path, max_bytes: int) -> bytes:
    """Return the bytes of a file. Raises MissingImage for an empty file, TooLarge, UnreadableFile."""
    try:
        with path.open("rb") as stream:
            data = stream.read(max_bytes + 1)  # never more, even for a huge file
    except OSError as error:
        raise UnreadableFile(f"{error.strerror}.") from error
    if not data:
        raise MissingImage("The file is empty.")
    if len(data) > max_bytes:
        raise TooLarge(f"The file is larger than the limit of {max_bytes} bytes. Use a smaller file.")
    return data


def _expand(spec: str) -> tuple[Path, list[Path]]:
    """Return the folder that names are relative to, and the absolute paths of the files."""
    path = Path(os.path.abspath(Path(spec).expanduser()))
    # Try the literal name first: a file can be named "image [2].png".
    if path.is_file():
        return path.parent, [path]
    if path.is_dir():
        return path, list(_files_under(path))
    files: dict[Path, None] = {}
    for match in glob.iglob(str(path), recursive=True):
        if os.path.isdir(match):
            # "**" matches folders and also the files in them, so these folders need no expansion.
            files |= {} if path.name == "**" else dict.fromkeys(_files_under(Path(match)))
        elif os.path.isfile(match):
            files[Path(match)] = None
    return _fixed_part(path), list(files)


def _fixed_part(pattern: Path) -> Path:
    """Return the part of a pattern before its first wildcard."""
    for parent in reversed(pattern.parents):
        if glob.has_magic(parent.name):
            return parent.parent
    return pattern.parent


def _files_under(folder: Path) -> Iterator[Path]:
    for directory, subfolders, files in os.walk(folder):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in sorted(files):
            path = Path(directory, name)
            if not name.startswith(".") and path.is_file():
                yield path
