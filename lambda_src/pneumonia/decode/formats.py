"""Which formats are accepted, and how the bytes tell which one they are. Names and Content-Type are never asked."""

from dataclasses import dataclass

from pneumonia.errors import UnsupportedFormat


@dataclass(frozen=True)
class Format:
    """An image format: recognised by `magic` at `offset`, and by `inner` at `inner_offset`; `plugin` is Pillow's."""

    name: str
    magic: tuple[bytes, ...]
    plugin: str | None
    offset: int = 0
    inner: bytes = b""
    inner_offset: int = 0

    def matches(self, data: bytes) -> bool:
        return data.startswith(self.magic, self.offset) and data.startswith(self.inner, self.inner_offset)


# DICOM first: the 128 bytes before its mark are free, and some files begin like a TIFF for viewers of both.
FORMATS = (
    Format("DICOM", (b"DICM",), None, offset=128),
    Format("JPEG", (b"\xff\xd8\xff",), "JPEG"),
    Format("PNG", (b"\x89PNG\r\n\x1a\n",), "PNG"),
    Format("TIFF", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "TIFF"),
    Format("WebP", (b"RIFF",), "WEBP", inner=b"WEBP", inner_offset=8),
    Format("BMP", (b"BM",), "BMP"),
    # A data set without preamble: its first element is of group 2 or 8, little endian, and short. Old archives
    # store such files.
    Format("DICOM", (b"\x02\x00\x00\x00", b"\x02\x00\x01\x00", b"\x02\x00\x02\x00"), None),
    Format("DICOM", (b"\x08\x00\x00\x00", b"\x08\x00\x01\x00", b"\x08\x00\x05\x00"), None),
    Format("DICOM", (b"\x08\x00\x08\x00", b"\x08\x00\x12\x00", b"\x08\x00\x16\x00", b"\x08\x00\x18\x00"), None),
)

NAMES = tuple(dict.fromkeys(kind.name for kind in FORMATS))


def sniff(data: bytes) -> Format:
    """The format of the bytes by their first ones. Raises UnsupportedFormat."""
    for kind in FORMATS:
        if kind.matches(data):
            return kind
    raise UnsupportedFormat(
        f"The content is none of {', '.join(NAMES[:-1])} and {NAMES[-1]}. Export the film as one of these."
    )
