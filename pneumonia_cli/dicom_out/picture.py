"""Draw the picture for the radiologist, with heatmap, legend, triage and intended use in its pixels."""

import io
import textwrap
from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from pneumonia.model.heatmap import LEGEND_HEIGHT, MIN_WIDTH, colours
from pneumonia_cli.dicom_out.answer import Answer
from pneumonia_cli.dicom_out.equipment import RESEARCH_USE
from pneumonia_cli.reporting.verdict import (
    CAVEATS,
    MEANINGS,
    WORDS,
    caveat_of,
    number_of,
    percent,
    share_words,
)

SIDE: Final = 1024
"""Pixels of the longer side of the X-ray in the picture."""

_MARGIN: Final = 24
_COLOURS: Final = {"likely_pneumonia": "#ff8a80", "indeterminate": "#ffd54f", "likely_normal": "#a5d6a7"}
_WARNING: Final = "#ffd54f"
_OUTSIDE: Final = "outside_training_population"
_DIM: Final = "#b0b0b0"


def draw(answer: Answer) -> npt.NDArray[np.uint8]:
    """Return a prediction with its heatmap as uint8 RGB [H, W, 3]. The longer side of the X-ray has `SIDE` pixels.

    The text contains no name, number or date of the patient. The X-ray itself may show them.
    """
    assert answer.heatmap_png is not None  # noqa: S101 - the caller has checked
    xray = _xray(answer.heatmap_png)
    width = max(xray.width, SIDE * 3 // 4)
    lines = _lines(answer, width)
    height = xray.height + 2 * _MARGIN + 60 + sum(size + 10 for _, size, _ in lines)
    canvas = Image.new("RGB", (width, height))
    canvas.paste(xray, ((width - xray.width) // 2, 0))
    pen = ImageDraw.Draw(canvas)
    _band(pen, width)
    _legend(canvas, pen, xray.height + 12)
    top = xray.height + _MARGIN + 50
    for text, size, colour in lines:
        pen.text((_MARGIN, top), text, fill=colour, font=ImageFont.load_default(size))
        top += size + 10
    return np.asarray(canvas)


def _xray(png: bytes) -> Image.Image:
    """Return the X-ray with its heat, without the legend of the overlay (`pneumonia.model.heatmap.overlay`)."""
    with Image.open(io.BytesIO(png)) as overlay:
        xray = overlay.convert("RGB")
    height = xray.height - LEGEND_HEIGHT
    xray = xray.crop((0, 0, xray.width, height))
    if xray.width == MIN_WIDTH:  # a narrow X-ray has black borders
        box = xray.convert("L").point(lambda grey: 255 if grey else 0).getbbox()
        xray = xray.crop((box[0], 0, box[2], height)) if box else xray
    scale = SIDE / max(xray.size)
    return xray.resize((round(xray.width * scale), round(xray.height * scale)), Image.Resampling.BICUBIC)


def _lines(answer: Answer, width: int) -> list[tuple[str, int, str]]:
    """Return text, size in pixels and colour of every line below the X-ray."""
    fields, model = answer.fields, answer.model
    triage = str(fields["triage"])
    words = WORDS.get(triage, triage.replace("_", " "))
    number, prevalence = number_of(fields)
    told = f"Probability of pneumonia: {percent(number)} at a prevalence of {share_words(prevalence)}"
    caveat = caveat_of(fields)
    if caveat is None:
        lines = [(words.capitalize(), 48, _COLOURS.get(triage, "white")), (told, 28, "white")]
    else:  # readers would trust the colour of a triage, so the caveat replaces it
        meant = textwrap.wrap(MEANINGS[caveat], (width - 2 * _MARGIN) // 11)
        lines = [(CAVEATS[caveat].capitalize(), 48, _WARNING), *((line, 22, _WARNING) for line in meant)]
        lines += [(f"The model says: {words}", 24, _DIM), (told, 24, _DIM)]
    warnings = [code for code in answer.warnings if code != _OUTSIDE or caveat != "outside"]
    lines += [(f"Warning: {code.replace('_', ' ')}", 22, _WARNING) for code in warnings]
    columns = (width - 2 * _MARGIN) // 11
    lines += [(line, 22, _DIM) for line in textwrap.wrap(str(fields["notice"]), columns)]
    lines.append((f"{model['name']} {model['version']}, sha256 {model['sha256'][:16]}…", 22, _DIM))
    return lines


def _band(pen: ImageDraw.ImageDraw, width: int) -> None:
    """Draw "RESEARCH USE ONLY" over the X-ray, so that it stays if someone crops the text below."""
    font = ImageFont.load_default(26)
    box = pen.textbbox((width // 2, 10), RESEARCH_USE, font=font, anchor="ma")
    pen.rectangle((box[0] - 12, 4, box[2] + 12, box[3] + 8), fill="#7f0000")
    pen.text((width // 2, 10), RESEARCH_USE, fill="white", font=font, anchor="ma")


def _legend(canvas: Image.Image, pen: ImageDraw.ImageDraw, top: int) -> None:
    width = canvas.width - 2 * _MARGIN
    ramp = np.tile(np.linspace(0, 1, width, dtype=np.float32), (14, 1))
    canvas.paste(Image.fromarray(np.rint(colours(ramp)).astype(np.uint8)), (_MARGIN, top))
    font = ImageFont.load_default(20)
    pen.text((_MARGIN, top + 18), "no evidence", fill="white", font=font)
    pen.text((canvas.width - _MARGIN, top + 18), "strong evidence of pneumonia", fill="white", font=font, anchor="ra")
