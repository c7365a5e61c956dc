"""Damage files as transfer errors, old software or attackers do. The same number always gives the same input."""

import random
import struct

from tests.fuzz.seeds import seeds

SPECIAL = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
WORDS = (
    b"DICM", b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0", b"\xff" * 4, b"SQ", b"UN", b"OW", b"\x10\x00\x00\x00",
    b"\xff\xd8\xff", b"\xff\xda", b"\xff\xc4", b"\xff\xc0", b"IDAT", b"IHDR", b"acTL", b"iCCP", b"II*\0", b"MM\0*",
    b"RIFF", b"1.2.840.10008.1.2.4.51", b"1.2.840.10008.1.2.4.70", b"1.2.840.10008.1.2.4.90", b"MONOCHROME1 ",
    b"PALETTE COLOR ", b"-1e308\\nan\\inf",
)  # fmt: skip
HEAD = 700
"""Half of the damage goes into the first HEAD bytes, which contain most of the values that a decoder relies on."""


def mutated(number: int) -> tuple[str, bytes]:
    """Return the input with this number: the name of its seed, and the seed's bytes with one to eight changes."""
    chance = random.Random(number)  # noqa: S311 - the same damage every time is the point
    name, data = chance.choice(list(seeds().items()))
    return name, damage(data, chance, injuries=chance.choice((1, 1, 1, 2, 3, 8)))


def damage(data: bytes, chance: random.Random, injuries: int) -> bytes:
    """Return `data` with `injuries` random changes. `chance` determines the place and the kind of each change."""
    found = bytearray(data)
    for _ in range(injuries):
        if not found:
            break
        chance.choice(INJURIES)(found, _place(found, chance), chance)
    return bytes(found)


def _place(data: bytearray, chance: random.Random) -> int:
    return chance.randrange(min(len(data), HEAD) if chance.random() < 0.5 else len(data))


def _flip(data: bytearray, place: int, chance: random.Random) -> None:
    data[place] ^= 1 << chance.randrange(8)


def _set(data: bytearray, place: int, chance: random.Random) -> None:
    data[place] = chance.randrange(256)


def _number(data: bytearray, place: int, chance: random.Random) -> None:
    layout, most = chance.choice((("<H", 0xFFFF), (">H", 0xFFFF), ("<I", 0xFFFFFFFF), (">I", 0xFFFFFFFF)))
    value = struct.pack(layout, chance.choice(SPECIAL) & most)
    data[place : place + len(value)] = value


def _cut(data: bytearray, place: int, chance: random.Random) -> None:
    del data[place:]


def _drop(data: bytearray, place: int, chance: random.Random) -> None:
    del data[place : place + chance.choice((1, 2, 4, 16, 256))]


def _insert(data: bytearray, place: int, chance: random.Random) -> None:
    data[place:place] = chance.randbytes(chance.choice((1, 2, 4, 64)))


def _word(data: bytearray, place: int, chance: random.Random) -> None:
    word = chance.choice(WORDS)
    data[place : place + len(word) * chance.randrange(2)] = word


def _repeat(data: bytearray, place: int, chance: random.Random) -> None:
    piece = data[place : place + chance.choice((8, 64, 1024))]
    data[place:place] = piece * chance.choice((1, 2, 50))


def _splice(data: bytearray, place: int, chance: random.Random) -> None:
    other = chance.choice(list(seeds().values()))
    data[place:] = other[min(place, len(other) - 1) :]


INJURIES = (_flip, _flip, _set, _set, _number, _number, _cut, _drop, _insert, _word, _repeat, _splice)
