"""`--fhir FOLDER` and `--fhir-server`: write the results of many images as FHIR transactions, and send them."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from pneumonia_cli.dicom_out.answer import Answer
from pneumonia_cli.dicom_out.source import NotDicom, Source
from pneumonia_cli.fhir_out.bundle import bundle, encoded
from pneumonia_cli.fhir_out.server import FhirServer, NotAccepted
from pneumonia_cli.reporting.artifacts import heatmap_files
from pneumonia_cli.reporting.images import ImageFile

_WAITS: Final = (1.0, 4.0)
"""Seconds before the second and the third attempt to send a transaction."""


class FhirFolder:
    """A folder of transactions, one for each predicted DICOM image. Safe to share between threads.

    Each transaction is written before it is sent, so that none is lost if the server does not accept it. If the server
    cannot be reached, the rest of the command continues without it.
    `model`: name, version and sha256 of the model that is used.
    """

    def __init__(
        self,
        folder: Path,
        images: Sequence[ImageFile],
        model: Mapping[str, str],
        *,
        force: bool,
        server: FhirServer | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.not_sent = 0
        self._why = ""
        self._written = self._refused = self._skipped = self._known = 0
        self._folder = folder
        self._stems = {image: Path(name).stem for image, name in heatmap_files(images).items()}
        self._model = model
        self._force = force
        self._server = server
        self._server_is_down = False
        self._sleep = sleep
        self._lock = threading.Lock()

    def add(self, image: ImageFile, data: bytes, line: Mapping[str, Any]) -> None:
        """Write and send the report of one image. `line`: the fields of a prediction, or `error`; `data`: the file.

        There is no report after a refusal, for a file that is not a DICOM image, or if `line` names another
        instance. In the last case the file was replaced after it was sent.
        """
        document = None
        try:
            source = Source.of(data)
            said = (line.get("image") or {}).get("sop_instance_uid")
            if said not in (None, source.sop_instance_uid):
                raise NotDicom("The result is for another instance.")
            document = bundle(source, Answer.of_line(line, self._model, force=self._force))
        except NotDicom:
            with self._lock:
                self._skipped += 1
            return
        path = self._folder / f"{self._stems[image]}.fhir.json"
        if document is None:
            path.unlink(missing_ok=True)  # left by an earlier run that had a prediction
            with self._lock:
                self._refused += 1
            return
        transaction = encoded(document)
        path.write_bytes(transaction)
        why = self._send(transaction)
        with self._lock:
            self._written += 1
            self.not_sent += why is not None
            self._why = why or self._why

    @property
    def told(self) -> str:
        """A summary for the end of a command."""
        without = [
            *([f"none for {self._refused} refused images"] if self._refused else []),
            *([f"none for {self._skipped} files that are not DICOM images"] if self._skipped else []),
        ]
        told = "; ".join([f"{self._written} FHIR reports are in {self._folder}", *without])
        if self._server is None:
            return told
        sent = f"{told}. The FHIR server accepted {self._written - self.not_sent} of these reports"
        known = f"; it already had {self._known} and left them unchanged" if self._known else ""
        again = f". {self._why} Run the same command again to send the others" if self.not_sent else ""
        return f"{sent}{known}{again}"

    def _send(self, transaction: bytes) -> str | None:
        """Send a transaction. Returns None if it was accepted or there is no server, otherwise the reason."""
        if self._server is None:
            return None
        for wait in (*_WAITS, None):
            if self._server_is_down:
                return self._why
            try:
                created = self._server.post(transaction)
                with self._lock:
                    self._known += not created
                return None
            except NotAccepted as error:
                if not error.passing:
                    return str(error)
                if wait is None:
                    self._server_is_down = True
                    return str(error)
                self._sleep(wait)
        return None
