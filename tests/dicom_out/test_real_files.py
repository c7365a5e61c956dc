"""Check results of real DICOM images and the real model with a real validator."""

import os
import shutil
from pathlib import Path

import pytest

from pneumonia.predictor import Predictor
from pneumonia.settings import Settings
from pneumonia_cli.dicom_out.folder import DicomFolder
from pneumonia_cli.reporting.images import ImageFile
from pneumonia_cli.reporting.predict_all import predict_all
from tests.dicom_out.test_results import errors_of

DICOM = os.environ.get("CXR_DICOM")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DICOM, reason="CXR_DICOM is not set"),
    pytest.mark.skipif(not shutil.which("dciodvfy"), reason="dciodvfy is not here (Debian: dicom3tools)"),
]


@pytest.mark.parametrize("force", [False, True])
def test_the_validator_finds_no_error(real_artifacts: Path, tmp_path: Path, force: bool) -> None:
    predictor = Predictor.load(Settings(model_dir=real_artifacts))
    images = [ImageFile(path, path.name) for path in sorted(Path(str(DICOM)).glob("*.dcm"))]
    results = DicomFolder(tmp_path, images, predictor.card.identity(), force=force)
    lines = list(predict_all(predictor, images, force=force, keep=results.add))
    refused = sum("error" in line for line in lines)
    written = sorted(tmp_path.iterdir())
    assert len(written) == 2 * (len(images) - refused) + refused
    assert [errors_of(path) for path in written] == [[]] * len(written)
