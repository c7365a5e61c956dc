"""`python -m pneumonia.decode.child`: decodes one file after another for `isolated`, which kills it at the limit.

What goes in and out is in `messages`. It ends when its input does.
"""

import sys
from typing import BinaryIO

from pneumonia.decode.dispatch import decode
from pneumonia.decode.formats import sniff
from pneumonia.decode.limits import Limits
from pneumonia.decode.messages import READY, of_error, of_image, read_message
from pneumonia.errors import PneumoniaError


def main(source: BinaryIO, target: BinaryIO) -> None:
    while True:
        try:
            limits, data = read_message(source.read)
        except EOFError:
            return
        if sniff(data).plugin is None:
            import pneumonia.decode.dicom  # noqa: F401 - loading it is no part of the time of a film
        target.write(READY)
        target.flush()
        try:
            message = of_image(decode(data, Limits(**limits)))
        except PneumoniaError as error:
            message = of_error(error)
        target.writelines(message)
        target.flush()


if __name__ == "__main__":
    main(sys.stdin.buffer, sys.stdout.buffer)
