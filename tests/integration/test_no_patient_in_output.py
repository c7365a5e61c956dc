"""No patient data leaves a DICOM file: not in responses, in logs, or in messages that decoders print.

The strings come from the files: every value of the patient's group, every name of a person, and other values that
identify a person. The files are made here, or come from pydicom. `CXR_DICOM` adds real files.
"""

import io
import json
import logging
import os
import random
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pydicom.data
import pytest
from moto import mock_aws
from pydicom import config, dcmread

from pneumonia import aws
from pneumonia.handlers import api, worker
from tests.fuzz.mutate import damage
from tests.fuzz.seeds import seeds
from tests.fuzz.service import CONTEXT, ENVIRONMENT, RESULTS, http_event, make_buckets, through_worker
from tests.unit.decode.conftest import PATIENT, dataset_of, encoded, film12

TELLING = ("AccessionNumber", "InstitutionName", "InstitutionAddress", "StudyDate", "StudyID", "PatientComments")
SHORTEST = 4
"""Shorter strings occur in any text by chance."""
DAMAGED = 60


SHORT_DECIMAL = re.compile(r"\d{1,4}\.\d{0,3}")


def patient_strings(data: bytes) -> set[str]:
    """Return the strings from the header of a file that must never appear in the output."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = dcmread(io.BytesIO(data), force=True, stop_before_pixels=True)
            found = {
                str(element.value)
                for element in dataset.iterall()
                if element.tag.group == 0x0010 or element.VR == "PN" or element.keyword in TELLING
            }
        except Exception:  # damaged on purpose; the strings are read from the whole files
            return set()
    parts = {part for text in found for part in (text, *text.split("^"), *text.split("="))}
    # A height such as 1.73 may also occur as milliseconds in a response. A short decimal identifies nobody.
    return {
        part.strip() for part in parts if len(part.strip()) >= SHORTEST and not SHORT_DECIMAL.fullmatch(part.strip())
    }


@pytest.fixture
def output(
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    tiny_service: None,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Callable[[], str]]:
    """Returns everything written so far: by Python, by the handlers' loggers at DEBUG, and by libraries in C."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    previous = [(logger, logger.registered_handler.setStream(stream)) for logger in (api.logger, worker.logger)]  # type: ignore[attr-defined]
    levels = [(logger, logger.log_level) for logger in (api.logger, worker.logger)]
    for logger in (api.logger, worker.logger):
        logger.setLevel("DEBUG")
    caplog.set_level(logging.DEBUG)
    for quiet in (
        "botocore",
        "boto3",
        "urllib3",
        "s3transfer",
    ):  # they log moto's requests, which are not part of the service
        logging.getLogger(quiet).setLevel(logging.INFO)
    mode = config.settings.reading_validation_mode

    def written() -> str:
        out, err = capfd.readouterr()
        return "\n".join((stream.getvalue(), caplog.text, out, err))

    with mock_aws():
        make_buckets()
        yield written
    config.settings.reading_validation_mode = mode
    for logger, handler in previous:
        logger.registered_handler.setStream(handler)  # type: ignore[attr-defined]
    for logger, level in levels:
        logger.setLevel(level)


Output = Callable[[], str]


def answer(data: bytes) -> str:
    return json.dumps(api.handler(http_event(data, query="heatmap=false"), CONTEXT), ensure_ascii=False)


def dicom_bytes(pixels: np.ndarray | None = None, **elements: Any) -> bytes:
    with config.disable_value_validation():  # some elements have names where none are allowed
        return encoded(dataset_of(film12() if pixels is None else pixels, **elements))


def made() -> Iterator[bytes]:
    """Yield an image that is predicted, and one for every reason to refuse an image."""
    yield dicom_bytes()
    yield dicom_bytes(Modality="CT")
    yield dicom_bytes(NumberOfFrames=2)
    yield dicom_bytes(Rows=60_000, Columns=60_000)
    yield dicom_bytes(PhotometricInterpretation=PATIENT[0])
    yield dicom_bytes(StudyInstanceUID=PATIENT[0], SOPInstanceUID=PATIENT[1])
    yield dicom_bytes(WindowCenter=1, WindowWidth=1, VOILUTFunction=PATIENT[0])
    yield dicom_bytes(np.zeros((96, 80), dtype=np.uint16))
    yield dicom_bytes()[:700]
    yield dicom_bytes().replace(b"1.2.840.10008.1.2.1\0", PATIENT[0][:20].encode().ljust(20))


def test_images_made_here(output: Output) -> None:
    told = []
    for number, data in enumerate(made()):
        told.append(answer(data))
        through_worker(data, f"image-{number}")
    text = output() + "".join(told)
    assert '"statusCode": 200' in text
    assert "not_a_radiograph" in text
    assert not [part for part in PATIENT if part in text]
    assert not [part for part in PATIENT[0].split("^") if part in text]


def test_damaged_images(output: Output) -> None:
    chance = random.Random(7)  # noqa: S311
    for name, data in seeds().items():
        if name.startswith("DICOM"):
            for _ in range(DAMAGED // 10):
                answer(damage(data, chance, injuries=3))
    text = output()
    assert text
    assert not [part for part in PATIENT if part in text]


@pytest.mark.slow
def test_real_files(output: Output) -> None:
    folders = [Path(pydicom.data.__file__).parent / "test_files"]
    if "CXR_DICOM" in os.environ:
        folders.append(Path(os.environ["CXR_DICOM"]))
    looked_for: set[str] = set()
    told = []
    for folder in folders:
        for path in sorted(folder.glob("*.dcm")):
            data = path.read_bytes()
            looked_for |= patient_strings(data)
            told.append(without_uids(answer(data)))
    assert len(looked_for) > 20
    text = output() + "".join(told)
    assert len(told) > 50
    # Compared as words, because the digits of a short id may also occur in longer numbers.
    words = set(re.findall(r"\w+", text))
    found = {part for part in looked_for if (part in words if part.isalnum() else part in text)}
    assert found <= HARMLESS


HARMLESS = frozenset({"True", "None", "TEST", "Test", "test"})
"""Values of test files that may occur in any text of the service. They identify nobody."""


def without_uids(told: str) -> str:
    """Return the response without the two UIDs for matching, which may contain the date of the study."""
    event: dict[str, Any] = json.loads(told)
    body = json.loads(event["body"])
    for name in ("sop_instance_uid", "study_instance_uid"):
        body.get("image", {}).pop(name, None)
    return json.dumps({**event, "body": body})


def test_results_have_no_patient_data(output: Output) -> None:
    through_worker(dicom_bytes(), "one")
    document = aws.s3().get_object(Bucket=RESULTS, Key="one.json")["Body"].read().decode()
    assert '"sop_instance_uid"' in document
    assert not [part for part in PATIENT if part in document]
