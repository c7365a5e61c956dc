"""Plan the uploads that a seed determines: images and other files, repeated keys, and objects that are removed."""

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, get_args

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pneumonia.uploads.ids import KEY_PREFIX, upload_key
from tests.conftest import plain_image

PLAIN: Final = "plain/"
"""moto itself sends the events for keys with this prefix. They lack version and sequencer, as in some S3-compatible
stores."""

_SIDE = 64
_GREYS = range(8, 248, 8)
"""Greys of the images, far enough apart that each grey has a different probability."""

KILLERS: Final = (
    (b"takes all memory", "too_large"),
    (b"is killed", "too_large"),
    (b"never ends", "took_too_long"),
)
"""Texts in an image that make its decoder die or hang (tests/killers), each with the code of the result."""

Removal = Literal["never", "before its event", "at some time"]


@dataclass(frozen=True)
class Version:
    """One upload. `number` counts the uploads of its key. `code`: expected error code; None for a valid image."""

    key: str
    number: int
    data: bytes
    code: str | None
    removal: Removal

    @property
    def plain(self) -> bool:
        return self.key.startswith(PLAIN)


def plan(count: int, seed: int) -> list[Version]:
    """Return `count` uploads in the order in which they are made."""
    chance = random.Random(seed)  # noqa: S311
    keys: list[list[Version]] = []
    made = 0
    while made < count:
        most = min(count - made, chance.choices((1, 2, 3, 4), (70, 18, 9, 3))[0])
        keys.append(list(_versions(_key(len(keys), chance), most, chance)))
        made += most
    return _interleaved(keys, chance)


def _key(number: int, chance: random.Random) -> str:
    kind = chance.random()
    if kind < 0.1:
        return f"{PLAIN}{number}.png"
    if kind < 0.4:
        return upload_key(f"{number:08d}-{chance.getrandbits(128):032x}")
    return f"ward {number % 7}/Röntgen+{number}.png"


def _versions(key: str, count: int, chance: random.Random) -> Iterator[Version]:
    greys = chance.sample(_GREYS, count)
    if count > 2 and not key.startswith(PLAIN) and chance.random() < 0.5:
        greys[2] = greys[0]  # the first image again, after another one
    for number, grey in enumerate(greys):
        data, code = png(grey), None
        kind = chance.random()
        if kind < 0.12:
            data, code = f"no image {grey}".encode(), "unsupported_format"
        elif kind < 0.17:
            data, code = data[: len(data) // 2], "undecodable_image"
        elif kind < 0.19:
            text, code = chance.choice(KILLERS)
            data = png(grey, text)
        removal: Removal = "never"
        if not key.startswith((PLAIN, KEY_PREFIX)):
            removal = chance.choices(get_args(Removal), (92, 4, 4))[0]
        yield Version(key, number, data, code, removal)


def _interleaved(keys: list[list[Version]], chance: random.Random) -> list[Version]:
    """Mix the uploads of several keys. The versions of each key keep their order."""
    found: list[Version] = []
    open_keys: list[list[Version]] = []
    rest = iter(keys)
    while True:
        while len(open_keys) < 5 and (more := next(rest, None)):
            open_keys.append(list(more))
        if not open_keys:
            return found
        chosen = chance.choice(open_keys)
        found.append(chosen.pop(0))
        if not chosen:
            open_keys.remove(chosen)


def png(grey: int, text: bytes = b"") -> bytes:
    """Return a PNG image with the comment `text`."""
    stream, note = io.BytesIO(), PngInfo()
    if text:
        note.add_text("Comment", text)
    image: Image.Image = plain_image(grey, (_SIDE, _SIDE))
    image.save(stream, "PNG", pnginfo=note)
    return stream.getvalue()
