"""Combine all destinations of a gateway. Each gets its own files, and a failure of one does not delay the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pneumonia_cli.fhir_out.server import FhirServer
from pneumonia_cli.gateway import durable
from pneumonia_cli.gateway.config import Config
from pneumonia_cli.gateway.deliver import Destination, StoreNode, WebServer
from pneumonia_cli.gateway.errors import TryAgain
from pneumonia_cli.gateway.reports import FHIR_FILE, HL7_FILE, Fhir, Folder, Mllp
from pneumonia_cli.gateway.web import web_client


@dataclass(frozen=True)
class Several:
    """Several destinations. `parts` maps the name of each to the ending of its file names and to the destination.

    A marker next to the files records each delivery, so that it is not repeated while another destination is down.
    """

    parts: Mapping[str, tuple[str, Destination]]

    def send(self, files: Sequence[Path]) -> None:
        """Deliver the files of one image. Raises TryAgain if a destination has not accepted its files."""
        reasons = []
        for name, (ending, destination) in self.parts.items():
            own = [file for file in files if file.name.endswith(ending)]
            if not own:
                continue
            note = own[0].parent / f"{name}.delivered"
            if note.exists():
                continue
            try:
                destination.send(own)
            except TryAgain as error:
                reasons.append(str(error))
            except Exception as error:  # the others must still get their files; the text may quote a header
                reasons.append(f"The gateway failed: {type(error).__name__}.")
            else:
                durable.write(note, b"")
        if reasons:
            raise TryAgain(" ".join(reasons))


def destination_of(config: Config) -> Destination:
    """Return the destinations of a configuration as one. Raises BadAddress."""
    deliver, fhir = config.deliver, config.fhir
    parts: dict[str, tuple[str, Destination]] = {}
    if deliver.protocol == "stow-rs":
        client = web_client(deliver.url, deliver.username, deliver.timeout_seconds)
        parts["dicom"] = ".dcm", WebServer(client)
    elif deliver.protocol == "c-store":
        parts["dicom"] = ".dcm", StoreNode(deliver, config.listen.ae_title)
    if fhir.url:
        server = FhirServer(fhir.url, timeout_seconds=fhir.timeout_seconds, ca=fhir.tls_ca)
        parts["fhir"] = FHIR_FILE, Fhir(server)
    if fhir.folder:
        parts["fhir-folder"] = FHIR_FILE, Folder(Path(fhir.folder))
    if config.hl7.host:
        parts["hl7"] = HL7_FILE, Mllp.of(config.hl7)
    return Several(parts)
