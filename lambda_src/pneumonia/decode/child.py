"""`python -m pneumonia.decode.child`: decodes one file after another for `isolated`, which kills it at the limit.

Messages in: the limits as JSON, then the file. Messages out: READY before it begins, then the `image` member of an
answer as JSON and the pixels, or the code and detail of an error. It ends when its input does.
"""

import json
import sys
from typing import Any, BinaryIO

from pneumonia.decode.dispatch import decode
from pneumonia.decode.formats import sniff
from pneumonia.decode.isolated import HEADER, READY
from pneumonia.decode.limits import Limits
from pneumonia.errors import PneumoniaError


def main(source: BinaryIO, target: BinaryIO) -> None:
    while header := source.read(HEADER.size):
        sizes = HEADER.unpack(header)
        limits = Limits(**json.loads(source.read(sizes[0])))
        data = source.read(sizes[1])
        if sniff(data).plugin is None:
            import pneumonia.decode.dicom  # noqa: F401 - loading it is no part of the time of a film
        target.write(READY)
        target.flush()
        document, pixels = _answer(data, limits)
        encoded = json.dumps(document).encode()
        for part in (HEADER.pack(len(encoded), len(pixels)), encoded, pixels):
            target.write(part)
        target.flush()


def _answer(data: bytes, limits: Limits) -> tuple[dict[str, Any], bytes]:
    try:
        found = decode(data, limits)
    except PneumoniaError as error:
        return {"error": error.code, "detail": error.detail}, b""
    width, height = found.pixels.size
    return {"image": found.to_json(), "pixels_width": width, "pixels_height": height}, found.pixels.tobytes()


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
