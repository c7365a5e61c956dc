"""What people do on the page, and what they see there."""

import hashlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import FilePayload, Page, Response, expect

ROOT = Path(__file__).parents[2]
SAMPLES = sorted((ROOT / "samples").glob("*.png"))


def payload(name: str, data: bytes) -> FilePayload:
    """A file that lies nowhere."""
    return {"name": name, "mimeType": "", "buffer": data}


def add_films(page: Page, *films: Path | FilePayload) -> None:
    """Choose files, as the browser's own dialog would."""
    given = [payload(film.name, film.read_bytes()) if isinstance(film, Path) else film for film in films]
    page.locator("#picker").set_input_files(given)


def drop_films(page: Page, *films: Path) -> None:
    """Drop files onto the page as a file manager would."""
    content = [[film.name, list(film.read_bytes())] for film in films]
    transfer = page.evaluate_handle(
        """(films) => {
            const transfer = new DataTransfer();
            for (const [name, bytes] of films) transfer.items.add(new File([new Uint8Array(bytes)], name));
            return transfer;
        }""",
        content,
    )
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event("body", event, {"dataTransfer": transfer})


def answered(page: Page, count: int) -> None:
    """Wait until there are so many films with an answer or a refusal."""
    expect(page.locator("#films .chip")).to_have_count(count)


def shown_percent(probability: float) -> str:
    """As the page writes a probability."""
    if 0.999 < probability < 1:
        return ">99.9%"
    if 0 < probability < 0.001:
        return "<0.1%"
    return f"{100 * probability:.1f}%"


def answers(page: Page) -> Callable[[], list[dict[str, Any]]]:
    """Afterwards, tells the service's answers to predictions from now on, in the order they came."""
    found: list[Response] = []
    page.on("response", lambda response: found.append(response) if "/predict" in response.url else None)
    return lambda: [response.json() for response in found if response.ok]


def large_png(film: Path, least: int) -> bytes:
    """A film as a PNG of more than `least` bytes: enlarged, with grain, which does not compress. Always the same."""
    with Image.open(film) as opened:
        large = opened.convert("L").resize((2800, 2800))
    grain = Image.frombytes("L", large.size, hashlib.shake_128(b"grain").digest(2800 * 2800))
    stream = io.BytesIO()
    Image.blend(large, grain, 0.12).save(stream, "PNG")
    data = stream.getvalue()
    assert len(data) > least
    return data
