"""Provide the files of a reader, which the pages call images/, image.dcm, labels.csv and so on."""

import shutil
import subprocess
from pathlib import Path

AS_DICOM = """
import sys
import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian, generate_uid

pixels = np.asarray(Image.open(sys.argv[1]).convert("L"))
ds = Dataset()
ds.file_meta = FileMetaDataset()
ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = ComputedRadiographyImageStorage
ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = generate_uid()
ds.StudyInstanceUID, ds.SeriesInstanceUID = generate_uid(), generate_uid()
ds.Modality, ds.BodyPartExamined, ds.ViewPosition, ds.PatientAge = "CR", "CHEST", "AP", "003Y"
ds.PatientName, ds.PatientID = "Drawn^Sample", "sample"
ds.Rows, ds.Columns = pixels.shape
ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PixelRepresentation = 1, "MONOCHROME2", 0
ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8, 8, 7
ds.PixelData = pixels.tobytes()
ds.save_as(sys.argv[2], enforce_file_format=True)
"""


def bring(clone: Path) -> None:
    """Add the files to a clone. The clone must have a .venv."""
    samples = sorted((clone / "samples").glob("*.png"))
    for folder in ("images", "f200", "march"):
        (clone / folder).mkdir()
        for path in samples[:2] + samples[-2:]:
            shutil.copy(path, clone / folder)
    rows = [
        f"{path.name},{path.name.partition('-')[0]},{k}" for k, path in enumerate(sorted((clone / "images").iterdir()))
    ]
    (clone / "labels.csv").write_text("file,label,patient\n" + "\n".join(rows) + "\n", encoding="utf-8")
    shutil.copy(samples[-1], clone / "image.png")
    shutil.copytree(clone / "model_artifacts", clone / "other_model")
    python = clone / ".venv" / "bin" / "python"
    subprocess.run([python, "-c", AS_DICOM, samples[-1], clone / "image.dcm"], check=True)
