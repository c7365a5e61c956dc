"""Make the frames of a walkthrough of terminal, page and report, and combine them into a GIF."""

import io
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, ViewportSize
from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text

from tests.serving import ROOT

SIZE: ViewportSize = {"width": 1200, "height": 750}
SEEN = (960, 600)
"""Width and height of the GIF, in pixels."""

COLOURS = 128
_TERMINAL = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #0c0c0c; color: #d9d9d9; font: 17px/1.15 "DejaVu Sans Mono", monospace; }}
pre {{ margin: 18px 24px; font: inherit; }}
</style><pre>{text}</pre>"""


@dataclass(frozen=True)
class Frame:
    """A picture of the size `SEEN`, and the seconds for which it is shown."""

    image: Image.Image
    seconds: float


def demo(out: Path) -> str:
    """Run `make demo` as in a terminal of 78 columns, and return its output with colours."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "lambda_src"), str(ROOT)]),
        "FORCE_COLOR": "1",
        "TTY_INTERACTIVE": "0",
        "COLUMNS": "78",
    }
    command = [sys.executable, "-m", "pneumonia_cli.local.demo", "--out", str(out)]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)
    shown = re.sub(r"\x1b\[\?25[lh]", "", done.stdout)  # remove the codes that hide and show the cursor
    return shown.replace(str(out), "demo_out")


def terminal(page: Page, typed: str, printed: str = "") -> Image.Image:
    """Return a picture of a terminal with a typed command and its output."""
    console = Console(record=True, width=78, file=io.StringIO(), force_terminal=True)
    console.print(Text.assemble(("$ ", "bold green"), (typed, "bold"), ("" if printed else "█", "")))
    console.print(Text.from_ansi(printed))
    page.set_content(
        _TERMINAL.format(text=console.export_html(inline_styles=True, code_format="{code}", theme=SVG_EXPORT_THEME))
    )
    return picture(page)


def picture(page: Page) -> Image.Image:
    """Return a screenshot of the page in the size of the GIF."""
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        return shot.convert("RGB").resize(SEEN, Image.Resampling.LANCZOS)


def save_gif(frames: list[Frame], path: Path) -> None:
    """Write a looping GIF. Each frame has its own palette. Dithering is off, because it compresses badly."""
    first, *rest = [
        frame.image.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE) for frame in frames
    ]
    durations = [int(1000 * frame.seconds) for frame in frames]
    first.save(path, save_all=True, append_images=rest, duration=durations, loop=0, optimize=True)
