import json
from pathlib import Path
from typing import Any

import pytest

from pneumonia.handlers.worker import handler as real_worker
from pneumonia_cli.local import demo, functions, poller
from tests.conftest import MakeFilms


def read_lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_whole_path(
    tiny_service: None, make_films: MakeFilms, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    images = make_films({"high.png": 250, "ward 1/ü+low.png": 5, "middle.png": 120, "notes.txt": b"no image"})
    out = tmp_path / "out"
    assert demo.main(["--images", str(images), "--out", str(out)]) == 0
    lines = {str(line["file"]): line for line in read_lines(out / "results.jsonl")}
    assert {name: line["status"] for name, line in lines.items()} == {
        "high.png": "predicted", "ward 1/ü+low.png": "predicted", "middle.png": "predicted", "notes.txt": "rejected",
    }  # fmt: skip
    assert lines["high.png"]["label"] == "pneumonia"
    assert lines["ward 1/ü+low.png"]["label"] == "normal"
    for line in lines.values():
        heatmap = line["heatmap_file"]
        assert heatmap is None or (out / str(heatmap)).read_bytes().startswith(b"\x89PNG")
    assert len(list((out / "heatmaps").iterdir())) == 3
    assert "ü+low.png" in (out / "report.html").read_text(encoding="utf-8")
    shown = capsys.readouterr().out
    assert shown.index("high.png") < shown.index("ü+low.png")
    assert "4 of 4 results" in shown
    assert "as through the queue" in " ".join(shown.split())
    assert "unsupported_format" in shown
    # Logs must hold no patient data, and a file name can hold some.
    assert not any(name in (out / "handlers.log").read_text(encoding="utf-8") for name in ("high", "ward", "low"))


def test_a_folder_that_cannot_be_written(
    tiny_service: None, make_films: MakeFilms, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (taken := tmp_path / "file").write_text("")
    assert demo.main(["--images", str(make_films({"high.png": 250})), "--out", str(taken / "out")]) == 2
    shown = "".join(capsys.readouterr().out.split())
    assert f"{taken}/out/heatmapscannotbewritten:Notadirectory." in shown


@pytest.mark.slow
def test_a_missing_result_is_a_failure(
    tiny_service: None,
    make_films: MakeFilms,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def failing(event: dict[str, list[dict[str, str]]], context: Any) -> object:
        lost = [record for record in event["Records"] if "lost" in record["body"]]
        kept = [record for record in event["Records"] if record not in lost]
        if kept:
            assert real_worker({"Records": kept}, context) == {"batchItemFailures": []}
        return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in lost]}

    monkeypatch.setattr(poller, "RETRY_SECONDS", 0)
    monkeypatch.setattr(functions, "WORKER_HANDLER", failing)
    images = make_films({"here.png": 250, "lost.png": 5})
    out = tmp_path / "out"
    assert demo.main(["--images", str(images), "--out", str(out)]) == 1
    lines = {str(line["file"]): line["status"] for line in read_lines(out / "results.jsonl")}
    assert lines == {"here.png": "predicted", "lost.png": "missing"}
    assert "1 of 2 results are missing" in capsys.readouterr().out
    assert "lost.png" in (out / "report.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_run_with_only_refused_images_succeeds(tiny_service: None, make_films: MakeFilms, tmp_path: Path) -> None:
    images = make_films({"notes.txt": b"no image"})
    assert demo.main(["--images", str(images), "--out", str(tmp_path / "out")]) == 0


def test_no_images(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert demo.main(["--images", str(tmp_path / "nothere"), "--out", str(tmp_path / "out")]) == 2
    assert "No image was found" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_no_model(
    make_films: MakeFilms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MODEL_DIR", str(tmp_path / "nomodel"))
    assert demo.main(["--images", str(make_films({"a.png": 1})), "--out", str(tmp_path / "out")]) == 1
    assert "card.json" in capsys.readouterr().out
