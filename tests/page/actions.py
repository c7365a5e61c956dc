"""Actions of users on the page, and the values that they see."""

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
    """Return a file that exists only in memory."""
    return {"name": name, "mimeType": "", "buffer": data}


def add_images(page: Page, *images: Path | FilePayload) -> None:
    """Choose files as in the browser's dialog."""
    given = [payload(image.name, image.read_bytes()) if isinstance(image, Path) else image for image in images]
    page.locator("#picker").set_input_files(given)


def drop_images(page: Page, *images: Path) -> None:
    """Drop files onto the page as from a file manager."""
    content = [[image.name, list(image.read_bytes())] for image in images]
    transfer = page.evaluate_handle(
        """(images) => {
            const transfer = new DataTransfer();
            for (const [name, bytes] of images) transfer.items.add(new File([new Uint8Array(bytes)], name));
            return transfer;
        }""",
        content,
    )
    for event in ("dragenter", "dragover", "drop"):
        page.dispatch_event("body", event, {"dataTransfer": transfer})


def answered(page: Page, count: int) -> None:
    """Wait until the page shows a result or a refusal for ``count`` images."""
    expect(page.locator("#images .chip")).to_have_count(count)


def shown_percent(probability: float) -> str:
    """Return a probability as the page writes it."""
    if 0.999 < probability < 1:
        return ">99.9%"
    if 0 < probability < 0.001:
        return "<0.1%"
    return f"{100 * probability:.1f}%"


def answers(page: Page) -> Callable[[], list[dict[str, Any]]]:
    """Return a function that lists the prediction answers that arrived since this call, in order of arrival."""
    found: list[Response] = []
    page.on("response", lambda response: found.append(response) if "/predict" in response.url else None)
    return lambda: [response.json() for response in found if response.ok]


def large_png(image: Path, least: int) -> bytes:
    """Return an image as a PNG of more than ``least`` bytes: enlarged, with grain that does not compress.

    The bytes are the same in every call.
    """
    with Image.open(image) as opened:
        large = opened.convert("L").resize((2800, 2800))
    grain = Image.frombytes("L", large.size, hashlib.shake_128(b"grain").digest(2800 * 2800))
    stream = io.BytesIO()
    Image.blend(large, grain, 0.12).save(stream, "PNG")
    data = stream.getvalue()
    assert len(data) > least
    return data
