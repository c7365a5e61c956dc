"""`--fhir` and `--fhir-server` of the three commands that predict."""

import json
from pathlib import Path

import pytest

from pneumonia_cli.fhir_out import folder
from pneumonia_cli.fhir_out.server import TOKEN_VARIABLE
from tests.client.conftest import Pneumonia, Stack
from tests.conftest import MakeFilms
from tests.dicom_out.films import HEADER, dicom_film
from tests.fhir_out.server import fhir_server

FILMS = {"film.dcm": dicom_film(), "ward/ct.dcm": dicom_film(Modality="CT"), "plain.png": 200}


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "ZZTOKEN")


def check(written: Path) -> None:
    """Check for one transaction of the predicted image, and nothing for refused images and other files."""
    (path,) = written.iterdir()
    assert path.name == "film.fhir.json"
    assert HEADER["StudyInstanceUID"] in path.read_text(encoding="utf-8")


def test_predict(tiny_service: None, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path) -> None:
    ran = pneumonia("predict", make_films(FILMS), "--fhir", tmp_path / "out", "--prevalence", "0.1")
    assert ran.code == 3  # one was refused
    check(tmp_path / "out")
    told = " ".join(ran.out.split())
    assert "none for 1 refused images; none for 1 files" in told
    assert "ZZ" not in told + ran.err


@pytest.mark.slow
def test_call_and_a_server(stack: Stack, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path) -> None:
    images, out = make_films(FILMS), tmp_path / "out"
    with fhir_server() as server:
        server.token = "ZZTOKEN"
        options = ["--fhir", out, "--fhir-server", server.url]
        for _ in range(2):
            ran = pneumonia("call", images, *stack.options, *options, "--json")
            assert ran.code == 3
            assert "ZZ" not in ran.out + ran.err
        assert len(server.of_kind("DiagnosticReport")) == 1
        server.broken = 422
        ran = pneumonia("call", images, *stack.options, *options)
        assert ran.code == 4  # a report did not reach the server
        assert "HTTP 422" in ran.out
    check(out)


@pytest.mark.slow
def test_submit(service: Stack, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path) -> None:
    images = make_films({"film.dcm": FILMS["film.dcm"]})
    options = ["--out", tmp_path / "batch", "--fhir", tmp_path / "out"]
    with fhir_server() as server:
        server.token = "ZZTOKEN"
        ran = pneumonia("submit", images, *service.options, *options, "--fhir-server", server.url)
        assert ran.code == 0, ran.err
        (report,) = server.of_kind("DiagnosticReport")
    assert report["subject"]["identifier"]["value"] == HEADER["PatientID"]
    check(tmp_path / "out")
    ran = pneumonia("submit", images, *service.options, "--out", tmp_path / "other", "--fhir", images / "out")
    assert ran.code == 2
    assert "--fhir" in ran.err


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--fhir-server", "https://records.example/fhir"], "needs --fhir FOLDER"),
        (["--fhir", "OUT", "--fhir-server", "http://records.example/fhir"], "https://"),
    ],
)
def test_invalid_options_are_reported_before_any_prediction(
    pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path, options: list[str], told: str
) -> None:
    given = [tmp_path / "out" if option == "OUT" else option for option in options]
    ran = pneumonia("predict", make_films({"film.dcm": FILMS["film.dcm"]}), *given)
    assert ran.code == 2
    assert told in ran.err


def test_an_unreachable_fhir_server_accepts_no_report(
    tiny_service: None, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "_WAITS", (0.0,))
    images = make_films({"film.dcm": FILMS["film.dcm"]})
    ran = pneumonia("predict", images, "--fhir", tmp_path / "out", "--fhir-server", "http://127.0.0.1:9/fhir", "--json")
    assert ran.code == 4
    assert json.loads(ran.out)["pneumonia"] > 0  # the prediction is returned anyway
    assert "The FHIR server accepted 0 of these reports" in " ".join(ran.err.split())
    check(tmp_path / "out")
