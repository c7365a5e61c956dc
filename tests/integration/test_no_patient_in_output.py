"""Nothing of the patient leaves a DICOM file: not in answers, nor logs, nor what decoders print by themselves.

The strings are taken from the files: every value of the patient's group, every name of a person, and what else would
lead to one. `CXR_DICOM` adds real files, pydicom brings its own.
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
"""Shorter strings stand in any text by chance."""
DAMAGED = 60


SHORT_DECIMAL = re.compile(r"\d{1,4}\.\d{0,3}")


def patient_strings(data: bytes) -> set[str]:
    """What must never come out, from the header of a file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset = dcmread(io.BytesIO(data), force=True, stop_before_pixels=True)
            found = {
                str(element.value)
                for element in dataset.iterall()
                if element.tag.group == 0x0010 or element.VR == "PN" or element.keyword in TELLING
            }
        except Exception:  # damaged on purpose; whole files are read before they are damaged
            return set()
    parts = {part for text in found for part in (text, *text.split("^"), *text.split("="))}
    # A height such as 1.73 also stands among the milliseconds of any answer: a short decimal names nobody.
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
    """All that was written so far: by Python, by the handlers' loggers at DEBUG, and by libraries in C."""
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    stream = io.StringIO()
    previous = [(logger, logger.registered_handler.setStream(stream)) for logger in (api.logger, worker.logger)]  # type: ignore[attr-defined]
    levels = [(logger, logger.log_level) for logger in (api.logger, worker.logger)]
    for logger in (api.logger, worker.logger):
        logger.setLevel("DEBUG")
    caplog.set_level(logging.DEBUG)
    for quiet in ("botocore", "boto3", "urllib3", "s3transfer"):  # of moto's requests: no part of the service
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
    with config.disable_value_validation():  # of the names that stand where none may
        return encoded(dataset_of(film12() if pixels is None else pixels, **elements))


def made() -> Iterator[bytes]:
    """A film that is answered, and every way of refusing one."""
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


def test_of_films_made_here(output: Output) -> None:
    told = []
    for number, data in enumerate(made()):
        told.append(answer(data))
        through_worker(data, f"film-{number}")
    text = output() + "".join(told)
    assert '"statusCode": 200' in text
    assert "not_a_radiograph" in text
    assert not [part for part in PATIENT if part in text]
    assert not [part for part in PATIENT[0].split("^") if part in text]


def test_of_damaged_films(output: Output) -> None:
    chance = random.Random(7)  # noqa: S311
    for name, data in seeds().items():
        if name.startswith("DICOM"):
            for _ in range(DAMAGED // 10):
                answer(damage(data, chance, injuries=3))
    text = output()
    assert text
    assert not [part for part in PATIENT if part in text]


@pytest.mark.slow
def test_of_real_files(output: Output) -> None:
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
    # As words: the digits of a short id also stand in longer numbers, which say nothing of it.
    words = set(re.findall(r"\w+", text))
    found = {part for part in looked_for if (part in words if part.isalnum() else part in text)}
    assert found <= HARMLESS


HARMLESS = frozenset({"True", "None", "TEST", "Test", "test"})
"""Values of test files that any text of the service could hold: they name nobody."""


def without_uids(told: str) -> str:
    """The answer without the two UIDs that are for matching: they may hold the date of the study, as they came."""
    event: dict[str, Any] = json.loads(told)
    body = json.loads(event["body"])
    for name in ("sop_instance_uid", "study_instance_uid"):
        body.get("image", {}).pop(name, None)
    return json.dumps({**event, "body": body})


def test_results_hold_nothing_either(output: Output) -> None:
    through_worker(dicom_bytes(), "one")
    document = aws.s3().get_object(Bucket=RESULTS, Key="one.json")["Body"].read().decode()
    assert '"sop_instance_uid"' in document
    assert not [part for part in PATIENT if part in document]
