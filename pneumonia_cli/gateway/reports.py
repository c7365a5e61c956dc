"""Reports in addition to the DICOM results: FHIR for a server or a folder, and HL7 v2 for a receiver."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pneumonia_cli.dicom_out.answer import Answer
from pneumonia_cli.dicom_out.source import Source
from pneumonia_cli.fhir_out.bundle import bundle, encoded
from pneumonia_cli.fhir_out.server import FhirServer, NotAccepted
from pneumonia_cli.gateway import durable
from pneumonia_cli.gateway.config import Config, Hl7
from pneumonia_cli.gateway.errors import TryAgain
from pneumonia_cli.hl7_out.message import Route, message
from pneumonia_cli.hl7_out.mllp import NotAcknowledged, Receiver

FHIR_FILE: Final = "report.fhir.json"
HL7_FILE: Final = "report.hl7"


@dataclass(frozen=True)
class Reports:
    """Reports to create for each prediction; none by default. `hl7` is None if no receiver is configured.

    `patient_system` is the URI of the patient ids, for FHIR.
    """

    fhir: bool = False
    hl7: Route | None = None
    patient_system: str = ""

    @classmethod
    def of(cls, config: Config) -> "Reports":
        """Return the reports that a configuration asks for."""
        hl7 = config.hl7
        route = Route(hl7.sending_facility, hl7.receiving_application, hl7.receiving_facility)
        return cls(bool(config.fhir.url or config.fhir.folder), route if hl7.host else None, config.fhir.patient_system)

    def made(self, source: Source, answer: Answer) -> tuple[dict[str, bytes], list[str]]:
        """Return the report files by name, and the reasons why reports are missing. Both are empty for a refusal."""
        if answer.refused:
            return {}, []
        files: dict[str, bytes] = {}
        if self.fhir and (document := bundle(source, answer, patient_system=self.patient_system)) is not None:
            files[FHIR_FILE] = encoded(document)
        if self.hl7 is None:
            return files, []
        try:
            sent = message(source, answer, self.hl7)
        except ValueError as error:  # HL7 cannot hold the header; the other results are still delivered
            return files, [str(error)]
        if sent is None:
            return files, ["No HL7 message: the image has no patient id."]
        return {**files, HL7_FILE: sent}, []


class Fhir:
    """A FHIR server as a destination."""

    def __init__(self, server: FhirServer) -> None:
        self._server = server

    def send(self, files: Sequence[Path]) -> None:
        """Post transactions. Raises TryAgain."""
        try:
            for file in files:
                self._server.post(file.read_bytes())
        except NotAccepted as error:
            raise TryAgain(str(error)) from error


class Folder:
    """A folder from which another system reads reports. Files are named by the job, a keyed hash."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, files: Sequence[Path]) -> None:
        """Write a copy of each file atomically. Raises TryAgain."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for file in files:
                durable.write(self._folder / f"{file.parent.name}.fhir.json", file.read_bytes())
        except OSError as error:
            raise TryAgain(f"The report could not be written to fhir.folder ({type(error).__name__}).") from error


class Mllp:
    """An HL7 v2 receiver as a destination."""

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver

    @classmethod
    def of(cls, hl7: Hl7) -> "Mllp":
        """Return the receiver of a configuration."""
        return cls(
            Receiver(
                hl7.host,
                hl7.port,
                tls=hl7.tls,
                tls_ca=hl7.tls_ca,
                tls_certificate=hl7.tls_certificate,
                tls_key=hl7.tls_key,
                timeout_seconds=hl7.timeout_seconds,
            )
        )

    def send(self, files: Sequence[Path]) -> None:
        """Send messages. Raises TryAgain."""
        try:
            for file in files:
                self._receiver.send(file.read_bytes())
        except NotAcknowledged as error:
            raise TryAgain(str(error)) from error
