import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pneumonia.model.heatmap import overlay
from pneumonia_cli.dicom_out.answer import Answer
from tests.dicom_out.films import MODEL, make_heatmap, prediction

MakeAnswer = Callable[..., Answer]


@pytest.fixture(scope="session")
def heatmap_png() -> bytes:
    return make_heatmap()


@pytest.fixture
def make_answer(heatmap_png: bytes) -> MakeAnswer:
    def make(*, force: bool = False, **fields: Any) -> Answer:
        return Answer(prediction(forced=force, **fields), MODEL, force, heatmap_png)

    return make


@pytest.fixture(scope="session")
def narrow_png() -> bytes:
    """The heatmap overlay of an image that is narrower than the legend."""
    png = overlay(Image.new("L", (100, 400), 128), np.zeros((4, 4), np.float32))
    assert Image.open(io.BytesIO(png)).width > 100
    return png
