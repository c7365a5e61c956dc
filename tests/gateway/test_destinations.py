from collections.abc import Sequence
from pathlib import Path

import pytest

from pneumonia_cli.gateway.destinations import Several
from pneumonia_cli.gateway.errors import TryAgain


class Taker:
    """Keeps the names of the files it receives, or raises `error` if set."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.taken: list[str] = []

    def send(self, files: Sequence[Path]) -> None:
        if self.error is not None:
            raise self.error
        self.taken += [file.name for file in files]


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    made = [tmp_path / name for name in ("SC.dcm", "SR.dcm", "report.hl7")]
    for path in made:
        path.write_bytes(b"x")
    return made


def test_each_gets_its_own_files(files: list[Path]) -> None:
    dicom, hl7, fhir = Taker(), Taker(), Taker()
    Several({"dicom": (".dcm", dicom), "fhir": ("report.fhir.json", fhir), "hl7": ("report.hl7", hl7)}).send(files)
    assert (dicom.taken, fhir.taken, hl7.taken) == (["SC.dcm", "SR.dcm"], [], ["report.hl7"])


@pytest.mark.parametrize("error", [TryAgain("It is down."), ValueError("ZZFAMILY")])
def test_a_destination_that_is_down_blocks_no_other_and_files_are_sent_once(
    files: list[Path], error: Exception
) -> None:
    dicom, hl7 = Taker(error), Taker()
    several = Several({"dicom": (".dcm", dicom), "hl7": ("report.hl7", hl7)})
    for _ in range(2):
        with pytest.raises(TryAgain) as raised:
            several.send(files)
        assert "ZZ" not in str(raised.value)
    assert hl7.taken == ["report.hl7"]
    dicom.error = None
    several.send(files)
    assert (dicom.taken, hl7.taken) == (["SC.dcm", "SR.dcm"], ["report.hl7"])


def test_a_refusal_without_any_report_is_done() -> None:
    Several({"fhir": ("report.fhir.json", Taker(TryAgain("It is down.")))}).send([])
