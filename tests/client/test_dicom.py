"""`--dicom` of the three commands that predict."""

import os
from pathlib import Path

import pytest
from pydicom import dcmread

from pneumonia_cli.client import hospital
from tests.client.conftest import Pneumonia, Stack
from tests.conftest import MakeFilms
from tests.dicom_out.films import HEADER, dicom_film

FILMS = {"film.dcm": dicom_film(), "ward/ct.dcm": dicom_film(Modality="CT"), "plain.png": 200}


def check(folder: Path) -> None:
    """Check for a picture and a report of the image, a report of the refused one, and nothing for other files."""
    assert sorted(path.name for path in folder.iterdir()) == ["film.SC.dcm", "film.SR.dcm", "ward_ct.SR.dcm"]
    assert {dcmread(path).StudyInstanceUID for path in folder.iterdir()} == {HEADER["StudyInstanceUID"]}


def test_predict(tiny_service: None, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path) -> None:
    ran = pneumonia("predict", make_films(FILMS), "--dicom", tmp_path / "out", "--prevalence", "0.1")
    assert ran.code == 3  # one was refused
    check(tmp_path / "out")
    assert "none for 1 files" in " ".join(ran.out.split())


def test_call(stack: Stack, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path) -> None:
    ran = pneumonia("call", make_films(FILMS), *stack.options, "--dicom", tmp_path / "out")
    assert ran.code == 3
    check(tmp_path / "out")


def test_submit(service: Stack, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path) -> None:
    images = make_films(FILMS)
    ran = pneumonia("submit", images, *service.options, "--out", tmp_path / "batch", "--dicom", tmp_path / "out")
    assert ran.code == 3, ran.err
    check(tmp_path / "out")


def test_commands_make_the_same_instances(
    stack: Stack, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path
) -> None:
    images = make_films(FILMS)
    pneumonia("predict", images, "--dicom", tmp_path / "predict")
    pneumonia("call", images, *stack.options, "--dicom", tmp_path / "call")
    uids = [
        [dcmread(path).SOPInstanceUID for path in sorted((tmp_path / name).iterdir())] for name in ("predict", "call")
    ]
    assert uids[0] == uids[1]


def test_an_image_that_was_replaced_meanwhile_gets_nothing(
    service: Stack, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path
) -> None:
    images, out = make_films({"film.dcm": dicom_film()}), tmp_path / "batch"
    assert pneumonia("submit", images, *service.options, "--out", out).code == 0
    before = (images / "film.dcm").stat()
    (images / "film.dcm").write_bytes(dicom_film(SOPInstanceUID="1.2.826.0.1.3680043.8.498.77.9"))
    os.utime(images / "film.dcm", ns=(before.st_atime_ns, before.st_mtime_ns))
    pneumonia("submit", images, *service.options, "--out", out, "--dicom", tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_results_must_not_lie_among_the_images(
    service: Stack, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path
) -> None:
    images = make_films({"film.dcm": dicom_film()})
    ran = pneumonia("submit", images, *service.options, "--out", tmp_path / "batch", "--dicom", images / "out")
    assert ran.code == 2
    assert "--dicom" in ran.err


def test_without_the_extra_the_command_says_what_to_install(
    tiny_service: None, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hospital, "find_spec", lambda name: None)
    ran = pneumonia("predict", make_films({"film.dcm": dicom_film()}), "--dicom", tmp_path / "out")
    assert ran.code == 2
    assert "pip install '.[hospital]'" in ran.err
