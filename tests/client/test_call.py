import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pneumonia_cli.client.service import MAX_DIRECT_BYTES
from pneumonia_cli.local.access import create_token
from pneumonia_cli.local.environment import export_settings
from pneumonia_cli.local.function_url import FunctionUrl
from pneumonia_cli.local.functions import API_HANDLER, api_context
from tests.client.conftest import Pneumonia, Stack
from tests.conftest import MakeFilms


@pytest.fixture(scope="session")
def large_image() -> bytes:
    """A PNG too large for a direct call: noise does not compress."""
    noise = np.random.default_rng(1).integers(0, 256, (2300, 2300), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "PNG")
    assert len(stream.getvalue()) > MAX_DIRECT_BYTES
    return stream.getvalue()


def lines(text: str) -> dict[str, dict[str, Any]]:
    return {line["file"]: line for line in map(json.loads, text.splitlines())}


def test_answers_in_order(stack: Stack, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path) -> None:
    folder = make_films({"high.png": 250, "low.png": 5, "ward/ü.png": 120})
    out, heatmaps = tmp_path / "out.jsonl", tmp_path / "heatmaps"
    ran = pneumonia("call", folder, *stack.options, "--json", "--out", out, "--heatmaps", heatmaps)
    assert ran.code == 0
    found = lines(ran.out)
    assert list(found) == ["high.png", "low.png", "ward/ü.png"]
    assert [found[name]["label"] for name in ("high.png", "low.png")] == ["pneumonia", "normal"]
    assert "heatmap" not in found["high.png"]
    assert lines(out.read_text(encoding="utf-8")) == found
    assert sorted(file.name for file in heatmaps.iterdir()) == ["high.png", "low.png", "ward_ü.png"]
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in heatmaps.iterdir())


def test_a_table_for_people(stack: Stack, pneumonia: Pneumonia, make_films: MakeFilms) -> None:
    folder = make_films({"high.png": 250, "notes.txt": b"not an image"})
    ran = pneumonia("call", folder, *stack.options)
    assert ran.code == 3
    for text in ("high.png", "likely pneumonia", "notes.txt", "unsupported_format", "Research use only"):
        assert text in ran.out


def test_a_refused_image(stack: Stack, pneumonia: Pneumonia, make_films: MakeFilms) -> None:
    folder = make_films({"cut.png": b"\x89PNG\r\n\x1a\n", "empty.png": b"", "high.png": 250})
    ran = pneumonia("call", folder, *stack.options, "--json")
    found = lines(ran.out)
    assert ran.code == 3
    assert (found["cut.png"]["error"]["code"], found["cut.png"]["error"]["status"]) == ("undecodable_image", 422)
    assert found["empty.png"]["error"]["code"] == "missing_image"
    assert found["high.png"]["label"] == "pneumonia"


@pytest.mark.slow
def test_a_large_image_goes_by_upload(
    service: Stack, pneumonia: Pneumonia, make_films: MakeFilms, large_image: bytes, tmp_path: Path
) -> None:
    folder = make_films({"large.png": large_image, "cut.png": large_image[:5_000_000]})
    heatmaps = tmp_path / "heatmaps"
    ran = pneumonia("call", folder, *service.options, "--json", "--heatmaps", heatmaps)
    found = lines(ran.out)
    assert ran.code == 3
    image = found["large.png"]["image"]
    assert (image["format"], image["width"], image["height"]) == ("PNG", 2300, 2300)
    assert found["cut.png"]["error"]["code"] == "undecodable_image"
    keys = [key for key, _version in service.uploads()]
    assert len(keys) == 2
    assert all(key.startswith("api/") for key in keys)
    assert [file.name for file in heatmaps.iterdir()] == ["large.png"]


def test_an_upload_without_a_result(
    stack: Stack, pneumonia: Pneumonia, make_films: MakeFilms, large_image: bytes
) -> None:
    ran = pneumonia("call", make_films({"large.png": large_image}), *stack.options, "--wait", "1")
    assert ran.code == 4
    assert "No result after 1 s" in ran.err


def test_a_token(stack: Stack, settings: Any, pneumonia: Pneumonia, make_films: MakeFilms) -> None:
    export_settings(settings, os.environ, "token")
    token = create_token()
    path = make_films({"high.png": 250}) / "high.png"
    with FunctionUrl(API_HANDLER, api_context(settings)).running(port=0) as url:
        where = ["--stack", "local", "--url", url]
        ran = pneumonia("call", path, *where)
        assert ran.code == 4
        assert "PNEUMONIA_TOKEN" in ran.err
        assert pneumonia("call", path, *where, "--token", "wrong").code == 4
        assert pneumonia("call", path, *where, "--token", token).code == 0
        os.environ["PNEUMONIA_TOKEN"] = token
        assert pneumonia("call", path, *where).code == 0


def test_a_service_that_cannot_be_reached_is_reported(pneumonia: Pneumonia, make_films: MakeFilms) -> None:
    folder = make_films({f"{number}.png": number for number in range(20)})
    ran = pneumonia("call", folder, "--url", "http://127.0.0.1:1", "--json")
    assert ran.code == 4
    assert ran.out == ""
    assert json.loads(ran.err)["error"]["code"] == "network"


def test_a_function_url_without_credentials(pneumonia: Pneumonia, make_films: MakeFilms) -> None:
    folder = make_films({"a.png": 1})
    ran = pneumonia("call", folder, "--url", "https://abc.lambda-url.eu-central-1.on.aws", "--region", "eu-central-1")
    assert ran.code == 4
    assert "There are no AWS credentials" in ran.err
