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

_PHONE = "Let the phone or a viewer save it as JPEG or PNG, or set the camera to its most compatible format."
_HEIF = f"a HEIC or HEIF picture. {_PHONE}"
# Files of ISO base media (ISO/IEC 14496-12): the first box lists the brands, the most fitting one first.
_BRANDS = (
    ((b"avif", b"avis"), f"an AVIF picture. {_PHONE}"),
    ((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), _HEIF),
    ((b"crx ",), "a raw picture of a camera. Export it as JPEG, PNG or TIFF."),
)
_MOST_BRANDS = 16
# What people have instead, and what to do with it: (place of the mark, mark, name and advice).
_OTHERS = (
    (4, b"ftyp", "a video. Export one film as a picture."),
    # The mark of a PNG holds a line break of each kind, to show just that.
    (0, b"\x89PNG", "a PNG whose line breaks were changed on the way. Send it again as binary (curl --data-binary)."),
    (0, b"%PDF", "a PDF document. Export the film in it as a picture."),
    (0, b"GIF8", "a GIF, which has too few greys for a film. Export the film again."),
    (0, b"PK\x03\x04", "a ZIP archive. Send each film in it as a file of its own."),
    (0, b"\x1f\x8b", "compressed with gzip. Unpack it."),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 picture. Export it as PNG or TIFF."),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 stream. Export it as PNG or TIFF."),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL picture. Export it as JPEG or PNG."),
    (0, b"\xff\x0a", "a JPEG XL stream. Export it as JPEG or PNG."),
)


def sniff(data: bytes) -> Format:
    """The format of the bytes by their first ones. Raises UnsupportedFormat."""
    for kind in FORMATS:
        if kind.matches(data):
            return kind
    formats = f"{', '.join(NAMES[:-1])} and {NAMES[-1]}"
    if other := _other(data):
        raise UnsupportedFormat(f"The content is {other} The formats that are read are {formats}.")
    raise UnsupportedFormat(f"The content is none of {formats}. Export the film as one of these.")


def is_dicom(data: bytes) -> bool:
    """Whether the bytes begin like a DICOM file."""
    return any(kind.name == "DICOM" for kind in FORMATS if kind.matches(data))


def _other(data: bytes) -> str | None:
    """What the bytes are instead, if that is known, and what to do with it."""
    if data.startswith(b"ftyp", 4):
        first = data[8 : min(int.from_bytes(data[:4], "big"), 16 + 4 * _MOST_BRANDS)]
        brands = {first[place : place + 4] for place in (0, *range(8, len(first), 4))}
        for marks, other in _BRANDS:
            if not brands.isdisjoint(marks):
                return other
    return next((other for place, mark, other in _OTHERS if data.startswith(mark, place)), None)
