"""The accepted formats, and how to detect them from the bytes. File names and Content-Type are ignored."""

from typing import NamedTuple

from pneumonia.errors import UnsupportedFormat


class Format(NamedTuple):
    """An image format, recognised by `magic` at `offset` and `inner` at `inner_offset`. `plugin`: name of the Pillow
    plugin."""

    name: str
    magic: tuple[bytes, ...]
    plugin: str | None
    offset: int = 0
    inner: bytes = b""
    inner_offset: int = 0

    def matches(self, data: bytes) -> bool:
        return data.startswith(self.magic, self.offset) and data.startswith(self.inner, self.inner_offset)


# DICOM comes first, because the 128 bytes before its prefix may contain anything. Some DICOM files begin like a TIFF
# so that TIFF viewers can open them.
FORMATS = (
    Format("DICOM", (b"DICM",), None, offset=128),
    Format("JPEG", (b"\xff\xd8\xff",), "JPEG"),
    Format("PNG", (b"\x89PNG\r\n\x1a\n",), "PNG"),
    Format("TIFF", (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), "TIFF"),
    Format("WebP", (b"RIFF",), "WEBP", inner=b"WEBP", inner_offset=8),
    Format("BMP", (b"BM",), "BMP"),
    # A data set without preamble, as old archives store it: its first element is short, little endian, and of group
    # 2 or 8.
    Format("DICOM", (b"\x02\x00\x00\x00", b"\x02\x00\x01\x00", b"\x02\x00\x02\x00"), None),
    Format("DICOM", (b"\x08\x00\x00\x00", b"\x08\x00\x01\x00", b"\x08\x00\x05\x00"), None),
    Format("DICOM", (b"\x08\x00\x08\x00", b"\x08\x00\x12\x00", b"\x08\x00\x16\x00", b"\x08\x00\x18\x00"), None),
)

NAMES = tuple(dict.fromkeys(kind.name for kind in FORMATS))

_PHONE = "Save it as JPEG or PNG on the phone or in a viewer, or set the camera to its most compatible format."
_HEIF = f"a HEIC or HEIF image. {_PHONE}"
# In ISO base media files (ISO/IEC 14496-12) the first box lists the brands, the best match first.
_BRANDS = (
    ((b"avif", b"avis"), f"an AVIF image. {_PHONE}"),
    ((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), _HEIF),
    ((b"crx ",), "a raw camera image. Export it as JPEG, PNG or TIFF."),
)
_MOST_BRANDS = 16
# Common formats that are not supported, and what to do: (offset, magic, name and advice).
_OTHERS = (
    (4, b"ftyp", "a video. Export one X-ray from it as an image."),
    # The PNG signature contains each kind of line break, so that changed line breaks can be detected.
    (0, b"\x89PNG", "a PNG whose line breaks were changed in transfer. Send it as binary data (curl --data-binary)."),
    (0, b"%PDF", "a PDF document. Export the X-ray in it as an image."),
    (0, b"GIF8", "a GIF, which has too few grey levels for an X-ray. Export the image in another format."),
    (0, b"PK\x03\x04", "a ZIP archive. Send each image in it as a separate file."),
    (0, b"\x1f\x8b", "compressed with gzip. Decompress it and send it again."),
    (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 image. Export it as PNG or TIFF."),
    (0, b"\xff\x4f\xff\x51", "a JPEG 2000 stream. Export it as PNG or TIFF."),
    (0, b"\0\0\0\x0cJXL ", "a JPEG XL image. Export it as JPEG or PNG."),
    (0, b"\xff\x0a", "a JPEG XL stream. Export it as JPEG or PNG."),
)


def sniff(data: bytes) -> Format:
    """Return the format of the bytes by their beginning. Raises UnsupportedFormat."""
    for kind in FORMATS:
        if kind.matches(data):
            return kind
    formats = f"{', '.join(NAMES[:-1])} and {NAMES[-1]}"
    if other := _other(data):
        raise UnsupportedFormat(f"The content is {other} Supported formats are {formats}.")
    raise UnsupportedFormat(
        f"The format of the image is not supported. Supported formats are {formats}. Export it in one of them."
    )


def is_dicom(data: bytes) -> bool:
    """Return whether the bytes begin like a DICOM file."""
    return any(kind.name == "DICOM" for kind in FORMATS if kind.matches(data))


def _other(data: bytes) -> str | None:
    """Return the name of a known unsupported format and what to do with it, or None."""
    if data.startswith(b"ftyp", 4):
        first = data[8 : min(int.from_bytes(data[:4], "big"), 16 + 4 * _MOST_BRANDS)]
        brands = {first[place : place + 4] for place in (0, *range(8, len(first), 4))}
        for marks, other in _BRANDS:
            if not brands.isdisjoint(marks):
                return other
    return next((other for place, mark, other in _OTHERS if data.startswith(mark, place)), None)
