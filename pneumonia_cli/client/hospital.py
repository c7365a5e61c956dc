"""Results as DICOM and FHIR files. The libraries of the extra `hospital` are imported only when needed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pneumonia_cli.client import output
from pneumonia_cli.client.errors import UsageProblem
from pneumonia_cli.client.written import make_folder, writing
from pneumonia_cli.reporting.images import ImageFile

if TYPE_CHECKING:
    from pneumonia_cli.dicom_out.folder import DicomFolder
    from pneumonia_cli.fhir_out.folder import FhirFolder

MODULES: Final = ("dicomweb_client", "highdicom", "hl7apy", "prometheus_client", "pynetdicom")


def check_extra() -> None:
    """Raise UsageProblem if one of the libraries is missing."""
    missing = [name for name in MODULES if find_spec(name) is None]
    if missing:
        raise UsageProblem(
            f"The extra `hospital` is not installed ({', '.join(missing)} missing). Run pip install '.[hospital]'."
        )


@dataclass(frozen=True)
class Wanted:
    """The user's options: `dicom` and `fhir` are folders, `fhir_server` is the base URL of a server."""

    dicom: Path | None = None
    fhir: Path | None = None
    fhir_server: str | None = None

    def check(self) -> None:
        """Raise UsageProblem for invalid options, before anything is sent or predicted."""
        if self.fhir_server is not None and self.fhir is None:
            raise UsageProblem(
                "--fhir-server needs --fhir FOLDER: reports that the server does not accept stay in the folder."
            )
        if self.dicom is not None:
            check_extra()
        if self.fhir_server is not None:
            from pneumonia_cli.fhir_out.server import BadAddress, FhirServer

            try:
                FhirServer(self.fhir_server)
            except BadAddress as error:
                raise UsageProblem(str(error)) from None

    @property
    def folders(self) -> dict[str, Path]:
        """The folders to write, by the name of their option."""
        found = {"--dicom": self.dicom, "--fhir": self.fhir}
        return {option: folder for option, folder in found.items() if folder is not None}


class Results:
    """The result folders that the user requested. Safe to share between threads."""

    def __init__(self, dicom: "DicomFolder | None", fhir: "FhirFolder | None", wanted: Wanted) -> None:
        self._dicom = dicom
        self._fhir = fhir
        self._wanted = wanted

    @property
    def needs_heatmap(self) -> bool:
        """Whether `add` uses a heatmap."""
        return self._dicom is not None

    @property
    def not_sent(self) -> int:
        """How many reports the server did not accept."""
        return 0 if self._fhir is None else self._fhir.not_sent

    def tell(self, *, for_programs: bool) -> None:
        """Print a summary. For programs, print only failures of the FHIR server, on standard error."""
        if for_programs:
            if self._fhir is not None and self.not_sent:
                output.print_problem(self._fhir.told)
            return
        for folder in (self._dicom, self._fhir):
            if folder is not None:
                output.print_text(folder.told)

    def add(self, image: ImageFile, data: bytes, line: Mapping[str, Any], heatmap_png: bytes | None) -> None:
        """Write the results of one file. Raises UnwritableOutput.

        `line`: the fields of the prediction, or `error`. `data`: the file that was sent.
        """
        if self._dicom is not None and self._wanted.dicom is not None:
            with writing(self._wanted.dicom):
                self._dicom.add(image, data, line, heatmap_png)
        if self._fhir is not None and self._wanted.fhir is not None:
            with writing(self._wanted.fhir):
                self._fhir.add(image, data, line)


def open_results(wanted: Wanted, images: Sequence[ImageFile], model: Mapping[str, str], *, force: bool) -> Results:
    """Create the folders and return the results to fill. Raises UsageProblem, UnwritableOutput.

    `model`: name, version and sha256 of the model that predicts.
    """
    wanted.check()
    for folder in wanted.folders.values():
        make_folder(folder)
    dicom = _dicom_folder(wanted.dicom, images, model, force=force) if wanted.dicom is not None else None
    fhir = None
    if wanted.fhir is not None:
        fhir = _fhir_folder(wanted.fhir, wanted.fhir_server, images, model, force=force)
    return Results(dicom, fhir, wanted)


def _dicom_folder(folder: Path, images: Sequence[ImageFile], model: Mapping[str, str], *, force: bool) -> "DicomFolder":
    from pneumonia_cli.dicom_out.folder import DicomFolder

    return DicomFolder(folder, images, model, force=force)


def _fhir_folder(
    folder: Path, url: str | None, images: Sequence[ImageFile], model: Mapping[str, str], *, force: bool
) -> "FhirFolder":
    from pneumonia_cli.fhir_out.folder import FhirFolder
    from pneumonia_cli.fhir_out.server import FhirServer

    server = FhirServer(url) if url is not None else None
    return FhirFolder(folder, images, model, force=force, server=server)
