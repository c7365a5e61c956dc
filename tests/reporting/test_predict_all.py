import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pneumonia.errors import ModelError
from pneumonia.predictor import Predictor
from pneumonia_cli.reporting import predict_all
from pneumonia_cli.reporting.images import ImageFile
from tests.conftest import MakeFilms


def read_lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_one_line_an_image(
    tiny_service: None, make_films: MakeFilms, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    films = make_films({"high.png": 250, "sub/low.png": 5, "cut.png": b"\x89PNG\r\n\x1a\n", "notes.txt": b"no film"})
    out = tmp_path / "new folder" / "results.jsonl"
    assert predict_all.main(["--images", str(films), "--out", str(out)]) == 0
    lines = {str(line["file"]): line for line in read_lines(out)}
    assert list(lines) == ["cut.png", "high.png", "notes.txt", "sub/low.png"]
    assert lines["high.png"].keys() == {
        "file", "normal", "pneumonia", "label", "triage", "threshold", "model",
        "in_training_population", "forced", "image", "timing_ms", "request_id", "notice",
    }  # fmt: skip
    assert lines["high.png"]["label"] == "pneumonia"
    assert lines["sub/low.png"]["label"] == "normal"
    assert lines["notes.txt"].keys() == {"file", "error"}
    error = lines["notes.txt"]["error"]
    assert isinstance(error, dict)
    assert error.keys() == {"code", "title", "detail", "status"}
    assert (error["code"], error["status"]) == ("unsupported_format", 415)
    assert "2 of 4 refused" in capsys.readouterr().out


def test_the_results_of_an_earlier_run_are_no_image(tiny_service: None, make_films: MakeFilms) -> None:
    films = make_films({"a.png": 250})
    arguments = ["--images", str(films), "--out", str(films / "results.jsonl")]
    assert predict_all.main(arguments) == 0
    assert predict_all.main(arguments) == 0
    assert [line["file"] for line in read_lines(films / "results.jsonl")] == ["a.png"]


def test_no_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "results.jsonl"
    assert predict_all.main(["--images", str(tmp_path / "*.png"), "--out", str(out)]) == 2
    assert "No image found" in capsys.readouterr().out
    assert not out.exists()


def test_lines_are_written_as_they_come_and_ctrl_c_keeps_them(
    tiny_service: None,
    make_films: MakeFilms,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "results.jsonl"
    real = predict_all.predict_all

    def interrupted(predictor: Predictor, images: list[ImageFile], *, force: bool) -> Iterator[dict[str, object]]:
        lines = real(predictor, images, force=force)
        yield next(lines)
        assert len(read_lines(out)) == 1
        raise KeyboardInterrupt

    monkeypatch.setattr(predict_all, "predict_all", interrupted)
    assert predict_all.main(["--images", str(make_films({"a.png": 1, "b.png": 2})), "--out", str(out)]) == 130
    assert [line["file"] for line in read_lines(out)] == ["a.png"]
    assert "Stopped after 1 of 2" in capsys.readouterr().out


def test_a_file_that_is_gone_or_too_large_is_refused(predictor: Predictor, tmp_path: Path) -> None:
    large = tmp_path / "large.png"
    with large.open("wb") as stream:
        stream.truncate(predictor.limits.max_image_bytes + 1)  # takes no room on the disk
    images = [ImageFile(tmp_path / "gone.png", "gone.png"), ImageFile(large, "large.png")]
    codes = [line["error"]["code"] for line in predict_all.predict_all(predictor, images)]
    assert codes == ["unreadable_file", "too_large"]


def test_a_failure_of_our_own_ends_the_run(
    tiny_service: None,
    make_films: MakeFilms,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def broken(*_arguments: object, **_options: object) -> None:
        raise ModelError("the graph is broken")

    monkeypatch.setattr(Predictor, "predict", broken)
    arguments = ["--images", str(make_films({"a.png": 1})), "--out", str(tmp_path / "results.jsonl")]
    assert predict_all.main(arguments) == 1
    assert "the graph is broken" in capsys.readouterr().out
