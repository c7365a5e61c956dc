"""`--dicom FOLDER`: write the results of many images as DICOM files into one folder."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pneumonia_cli.dicom_out.answer import Answer
from pneumonia_cli.dicom_out.results import write
from pneumonia_cli.dicom_out.source import NotDicom, Source
from pneumonia_cli.reporting.artifacts import heatmap_files
from pneumonia_cli.reporting.images import ImageFile


class DicomFolder:
    """A folder of results. Safe to share between threads.

    `model` is the identity (name, version, sha256) of the model, which refusals do not contain. `skipped` counts files
    without results: files that are not DICOM images, and files that were replaced after they were sent.
    """

    def __init__(self, folder: Path, images: Sequence[ImageFile], model: Mapping[str, str], *, force: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.skipped = 0
        self._folder = folder
        self._stems = {image: Path(name).stem for image, name in heatmap_files(images).items()}
        self._model = model
        self._force = force
        self._lock = threading.Lock()

    def add(self, image: ImageFile, data: bytes, line: Mapping[str, Any], heatmap_png: bytes | None) -> None:
        """Write the results of one file. `line`: the fields of a prediction, or `error`; `data`: the file.

        Writes nothing if `line` names another instance. In that case the file was replaced after it was sent.
        """
        try:
            source = Source.of(data)
            said = (line.get("image") or {}).get("sop_instance_uid")
            if said not in (None, source.sop_instance_uid):
                raise NotDicom("The result is for another instance.")
        except NotDicom:
            with self._lock:
                self.skipped += 1
            return
        answer = Answer.of_line(line, self._model, force=self._force, heatmap_png=heatmap_png)
        write(self._folder, self._stems[image], source, answer)

    @property
    def told(self) -> str:
        """A summary for the end of a command."""
        skipped = f"; none for {self.skipped} files that are not DICOM images, or were replaced after they were sent"
        return f"DICOM results are in {self._folder}{skipped if self.skipped else ''}"
