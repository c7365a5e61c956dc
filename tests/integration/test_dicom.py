"""DICOM with the whole model that ships: real files, and one X-ray in two formats."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import dcmwrite

from pneumonia.decode.dispatch import decode
from pneumonia.decode.isolated import decode_in_time
from pneumonia.model.sessions import Model
from pneumonia.predictor import Predictor
from pneumonia.settings import Settings
from tests.unit.decode.conftest import dataset_of

SAMPLES = Path(__file__).parents[2] / "samples"


@pytest.fixture(scope="module")
def shipped(real_artifacts: Path) -> Predictor:
    return Predictor.load(Settings(model_dir=real_artifacts))


def answer(predictor: Predictor, data: bytes, *, force: bool = False) -> dict[str, Any]:
    return predictor.predict(data, request_id="id", heatmap=False, force=force).body


def written(xray: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    xray.save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(path.stem for path in SAMPLES.glob("*.png")))
def test_the_same_xray_as_jpeg_and_as_dicom_agrees(shipped: Predictor, real_artifacts: Path, name: str) -> None:
    with Image.open(SAMPLES / f"{name}.png") as sample:
        xray = sample.convert("L").resize((2000, 2000), Image.Resampling.BICUBIC)
    # Like a detector's file: an offset, 14 of 16 bits, inverted, and a window over the whole range.
    grey = np.asarray(xray, dtype=np.uint16)
    stored = (16_000 - grey * 60).astype(np.uint16)
    low, high = int(stored.min()), int(stored.max())
    dataset = dataset_of(
        stored, BitsStored=14, HighBit=13, PhotometricInterpretation="MONOCHROME1",
        WindowCenter=(low + high + 1) / 2, WindowWidth=high - low + 1,
    )  # fmt: skip
    stream = io.BytesIO()
    dcmwrite(stream, dataset, enforce_file_format=True)
    span = int(grey.max()) - int(grey.min())
    stretched = Image.fromarray(((grey - int(grey.min())) * 255.0 / span).round().astype(np.uint8))
    jpeg = written(stretched, "JPEG", quality=90)
    files = (stream.getvalue(), jpeg)
    ours, theirs = (np.asarray(decode(data, shipped.limits).pixels, np.int16) for data in files)
    assert np.abs(ours - theirs).mean() < 1.0  # in grey levels of 255
    # The model's input: the decoder reduces the JPEG, and our code reduces the DICOM image. Stretching the range
    # increases the difference: 0.34 was measured at 176 pixels.
    model = Model(shipped.card, real_artifacts)
    images = [decode_in_time(data, shipped.limits, model.enough).pixels for data in files]
    ours, theirs = model.prepare(images)[0].astype(np.int16)
    assert np.abs(ours - theirs).mean() < 0.4
    as_dicom, as_jpeg = (answer(shipped, data) for data in files)
    assert as_dicom["image"]["window"] is not None
    assert as_dicom["image"]["inverted"]
    assert as_dicom["pneumonia"] == pytest.approx(as_jpeg["pneumonia"], abs=0.02)


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif("CXR_DICOM" not in os.environ, reason="CXR_DICOM is not set: real files are not in the repository")
def test_real_files_are_predicted_or_refused_as_their_names_say(shipped: Predictor) -> None:
    paths = sorted(Path(os.environ["CXR_DICOM"]).glob("*.dcm"))
    assert paths
    for path in paths:
        # Some show limbs. The decision of the gate on those does not depend on the format.
        image = answer(shipped, path.read_bytes(), force=True)["image"]
        assert image["format"] == "DICOM"
        assert image["inverted"] is ("monochrome1" in path.name), path.name
        assert image["bits_stored"] == (10 if "10bit" in path.name or "12bit" in path.name else 8)
        assert image["sop_instance_uid"]
