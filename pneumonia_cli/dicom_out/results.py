"""From an image and the answer to it: the instances that go into the study, and their files."""

import io
from pathlib import Path

from pydicom.dataset import Dataset

from pneumonia_cli.dicom_out.answer import Answer
from pneumonia_cli.dicom_out.capture import secondary_capture
from pneumonia_cli.dicom_out.report import structured_report
from pneumonia_cli.dicom_out.source import Source


def instances(source: Source, answer: Answer) -> dict[str, Dataset]:
    """The results of one image by kind: `SC` where there is a heatmap, and always `SR`."""
    made = {"SR": structured_report(source, answer)}
    if not answer.refused and answer.heatmap_png is not None:
        made = {"SC": secondary_capture(source, answer), **made}
    return made


def encoded(dataset: Dataset) -> bytes:
    """A data set as the bytes of a file (PS3.10)."""
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def write(folder: Path, stem: str, source: Source, answer: Answer) -> list[Path]:
    """Write the results of one image as `STEM.SC.dcm` and `STEM.SR.dcm`; what was there is replaced."""
    written = []
    for kind, dataset in instances(source, answer).items():
        path = folder / f"{stem}.{kind}.dcm"
        path.write_bytes(encoded(dataset))
        written.append(path)
    return written
