import json
from pathlib import Path
from typing import Any

import pytest

from pneumonia_cli.fhir_out.folder import FhirFolder
from pneumonia_cli.fhir_out.server import TOKEN_VARIABLE, FhirServer
from pneumonia_cli.reporting.images import ImageFile
from tests.dicom_out.films import MODEL, dicom_film, prediction, refusal
from tests.fhir_out.server import fhir_server

ONE, OTHER = ImageFile(Path("one.dcm"), "one.dcm"), ImageFile(Path("other.dcm"), "other.dcm")


def folder(path: Path, **options: Any) -> FhirFolder:
    return FhirFolder(path, [ONE, OTHER], MODEL, force=False, **options)


def test_one_file_for_each_predicted_image(tmp_path: Path) -> None:
    results = folder(tmp_path)
    results.add(ONE, dicom_film(), prediction())
    results.add(OTHER, dicom_film(), {"error": refusal().fields})
    results.add(OTHER, b"\x89PNG", prediction())
    assert [path.name for path in tmp_path.iterdir()] == ["one.fhir.json"]
    assert json.loads((tmp_path / "one.fhir.json").read_bytes())["type"] == "transaction"
    assert "none for 1 refused images; none for 1 files that are not DICOM images" in results.told


def test_a_refusal_removes_the_report_of_an_earlier_run(tmp_path: Path) -> None:
    folder(tmp_path).add(ONE, dicom_film(), prediction())
    folder(tmp_path).add(ONE, dicom_film(), {"error": refusal().fields})
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_is_down_is_asked_three_times_in_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    waited: list[float] = []
    with fhir_server() as store:
        store.broken = 503
        results = folder(tmp_path, server=FhirServer(store.url), sleep=waited.append)
        results.add(ONE, dicom_film(), prediction())
        results.add(OTHER, dicom_film(SOPInstanceUID="1.2.3.4"), prediction(image={}))
        assert (store.asked, waited, results.not_sent) == (3, [1.0, 4.0], 2)
        assert len(list(tmp_path.iterdir())) == 2  # nothing is lost
        assert "accepted 0 of these reports. The FHIR server returned HTTP 503." in results.told
        store.broken = 0
        again = folder(tmp_path, server=FhirServer(store.url))
        again.add(ONE, dicom_film(), prediction())
        assert again.not_sent == 0
        assert "The FHIR server accepted 1 of these reports" in again.told
        again.add(ONE, dicom_film(), prediction())
        assert "The FHIR server accepted 2 of these reports; it already had 1 and left them unchanged" in again.told
        assert len(store.of_kind("DiagnosticReport")) == 1


def test_a_refused_report_does_not_block_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(TOKEN_VARIABLE, raising=False)
    with fhir_server() as store:
        store.broken = 422
        results = folder(tmp_path, server=FhirServer(store.url))
        results.add(ONE, dicom_film(), prediction())
        store.broken = 0
        results.add(OTHER, dicom_film(SOPInstanceUID="1.2.3.4"), prediction(image={}))
        assert results.not_sent == 1
        assert len(store.of_kind("DiagnosticReport")) == 1
