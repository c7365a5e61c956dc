"""The extra `hospital`: libraries that only results as DICOM and the gateway need. Imported when they are asked for."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pneumonia_cli.client.errors import UsageProblem
from pneumonia_cli.client.written import make_folder
from pneumonia_cli.reporting.images import ImageFile

if TYPE_CHECKING:
    from pneumonia_cli.dicom_out.folder import DicomFolder

MODULES: Final = ("dicomweb_client", "highdicom", "prometheus_client", "pynetdicom")


def check_extra() -> None:
    """Raise UsageProblem if one of the libraries is missing."""
    missing = [name for name in MODULES if find_spec(name) is None]
    if missing:
        raise UsageProblem(
            f"This needs the extra `hospital` ({', '.join(missing)} missing): run pip install '.[hospital]'."
        )


def dicom_folder(folder: Path, images: Sequence[ImageFile], model: Mapping[str, str], *, force: bool) -> "DicomFolder":
    """The folder of `--dicom`. `model`: name, version and sha256 of the model that is asked. Raises UsageProblem,
    UnwritableOutput."""
    check_extra()
    from pneumonia_cli.dicom_out.folder import DicomFolder

    make_folder(folder)
    return DicomFolder(folder, images, model, force=force)
