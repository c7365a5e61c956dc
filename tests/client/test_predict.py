import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pneumonia.errors import ModelError
from pneumonia.predictor import Predictor
from pneumonia_cli.client import predict
from pneumonia_cli.reporting.images import ImageFile
from pneumonia_cli.reporting.predict_all import predict_all
from tests.client.conftest import Pneumonia
from tests.conftest import MakeFilms


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_one_line_is_written_for_each_image(
    tiny_service: None, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path
) -> None:
    folder = make_films(
        {"high.png": 250, "sub/low.png": 5, "cut.png": b"\x89PNG\r\n\x1a\n", "notes.txt": b"not an image"}
    )
    out = tmp_path / "new folder" / "results.jsonl"
    ran = pneumonia("predict", folder, "--json", "--out", out)
    assert ran.code == 3
    assert out.read_text(encoding="utf-8") == ran.out
    lines = {line["file"]: line for line in read_lines(out)}
    assert list(lines) == ["cut.png", "high.png", "notes.txt", "sub/low.png"]
    assert lines["high.png"].keys() == {
        "file", "normal", "pneumonia", "label", "triage", "threshold", "calibrated_prevalence", "model",
        "in_training_population", "forced", "image", "timing_ms", "request_id", "notice",
    }  # fmt: skip
    assert lines["high.png"]["label"] == "pneumonia"
    assert lines["sub/low.png"]["label"] == "normal"
    assert lines["notes.txt"].keys() == {"file", "error"}
    error = lines["notes.txt"]["error"]
    assert error.keys() == {"code", "title", "detail", "status"}
    assert (error["code"], error["status"]) == ("unsupported_format", 415)


def test_results_of_an_earlier_run_are_not_images(
    tiny_service: None, pneumonia: Pneumonia, make_films: MakeFilms
) -> None:
    folder = make_films({"a.png": 250})
    for _ in range(2):
        assert pneumonia("predict", folder, "--out", folder / "results.jsonl").code == 0
    assert [line["file"] for line in read_lines(folder / "results.jsonl")] == ["a.png"]


def test_lines_are_written_as_they_come_and_ctrl_c_keeps_them(
    tiny_service: None, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "results.jsonl"

    def interrupted(
        predictor: Predictor, images: list[ImageFile], *, force: bool, keep: None
    ) -> Iterator[dict[str, Any]]:
        yield next(predict_all(predictor, images, force=force))
        assert len(read_lines(out)) == 1
        raise KeyboardInterrupt

    monkeypatch.setattr(predict, "predict_all", interrupted)
    ran = pneumonia("predict", make_films({"a.png": 1, "b.png": 2}), "--out", out)
    assert ran.code == 130
    assert [line["file"] for line in read_lines(out)] == ["a.png"]
    assert "Stopped after 1 of 2" in ran.err


def test_an_internal_error_ends_the_run(
    tiny_service: None, pneumonia: Pneumonia, make_films: MakeFilms, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_arguments: object, **_options: object) -> None:
        raise ModelError("the graph is broken")

    monkeypatch.setattr(Predictor, "predict", broken)
    ran = pneumonia("predict", make_films({"a.png": 1}))
    assert (ran.code, ran.out) == (1, "")
    assert "the graph is broken" in ran.err


def test_a_table_for_people(tiny_service: None, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path) -> None:
    folder = make_films({"high.png": 250, "notes.txt": b"not an image"})
    ran = pneumonia("predict", folder, "--out", tmp_path / "results.jsonl")
    assert ran.code == 3
    assert "high.png" in ran.out
    assert "1 refused" in ran.out
    assert "2 lines in" in ran.out


def test_nothing_found(pneumonia: Pneumonia, tmp_path: Path) -> None:
    out = tmp_path / "results.jsonl"
    ran = pneumonia("predict", tmp_path / "none", "--out", out)
    assert (ran.code, ran.out) == (2, "")
    assert "No image was found" in ran.err
    assert not out.exists()


def test_no_model(pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_DIR", str(tmp_path / "none"))
    ran = pneumonia("predict", make_films({"high.png": 250}))
    assert ran.code == 1
    assert "MODEL_DIR" in ran.err
    assert "Traceback" not in ran.err
