"""Create the DICOM instances for the prediction or refusal of an image, and write them as files."""

import io
from pathlib import Path

from pydicom.dataset import Dataset

from pneumonia_cli.dicom_out.answer import Answer
from pneumonia_cli.dicom_out.capture import secondary_capture
from pneumonia_cli.dicom_out.report import structured_report
from pneumonia_cli.dicom_out.source import Source


def instances(source: Source, answer: Answer) -> dict[str, Dataset]:
    """Return the results of one image by kind: `SR` always, and `SC` if there is a heatmap."""
    made = {"SR": structured_report(source, answer)}
    if not answer.refused and answer.heatmap_png is not None:
        made = {"SC": secondary_capture(source, answer), **made}
    return made


def encoded(dataset: Dataset) -> bytes:
    """Return a data set as the bytes of a file (PS3.10)."""
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def write(folder: Path, stem: str, source: Source, answer: Answer) -> list[Path]:
    """Write the results of one image as `STEM.SC.dcm` and `STEM.SR.dcm`. Replaces existing files. Returns the paths."""
    written = []
    for kind, dataset in instances(source, answer).items():
        path = folder / f"{stem}.{kind}.dcm"
        path.write_bytes(encoded(dataset))
        written.append(path)
    return written
