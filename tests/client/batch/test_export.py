import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from pneumonia.predictor import Predictor
from pneumonia.prevalence import probability_at
from pneumonia.uploads.correlation import of_batch_key
from pneumonia_cli.client.batch.export import NO_RESULT, Summary, write_report, write_tables
from pneumonia_cli.client.batch.journal import Journal
from pneumonia_cli.reporting import report
from tests.conftest import ImageBytes


@pytest.fixture
def images(tmp_path: Path, image_bytes: ImageBytes) -> dict[str, Path]:
    found = {}
    for name, grey in (("low.png", 5), ("high.png", 250), ("=HYPERLINK(1).png", 120)):
        found[name] = tmp_path / name
        found[name].write_bytes(image_bytes(grey))
    return found


@pytest.fixture
def journal(tmp_path: Path, images: dict[str, Path], predictor: Predictor) -> Iterator[Journal]:
    with Journal(tmp_path / "out", {}) as opened:
        (tmp_path / "out" / "heatmaps").mkdir()
        for name, path in images.items():
            answer = predictor.predict(path.read_bytes(), request_id="r", heatmap=True)
            file = f"heatmaps/{name.strip('=()')}"
            assert answer.heatmap_png is not None
            (tmp_path / "out" / file).write_bytes(answer.heatmap_png)
            opened.uploaded(name, 1, 1, name)
            opened.answered(name, {"status": "predicted", **answer.body}, file)
        opened.refused(
            "letter.txt", 1, 1, {"status": "rejected", "code": "unsupported_format", "title": "T", "detail": "No."}
        )
        opened.failed("down.png", 1, 1, "S3 failed.")
        opened.uploaded("absent.png", 1, 1, "absent")
        yield opened


def test_tables_by_risk(journal: Journal, tmp_path: Path) -> None:
    out = tmp_path / "out"
    triage = {"likely_pneumonia": 1, "indeterminate": 1, "likely_normal": 1}
    assert write_tables(journal, out) == Summary(6, 3, 1, 2, triage, triage, {"unsupported_format": 1})
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    names = ["high.png", "=HYPERLINK(1).png", "low.png", "letter.txt", "absent.png", "down.png"]
    assert [line["file"] for line in lines] == names
    assert lines[0]["heatmap_file"] == "heatmaps/high.png"
    assert [line.get("detail") for line in lines[3:]] == ["No.", NO_RESULT, "S3 failed."]
    # This id finds an image without a result in the logs.
    assert [line.get("correlation_id") for line in lines[3:]] == [None, of_batch_key("absent"), None]
    with (out / "results.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["status"] for row in rows] == ["predicted"] * 3 + ["rejected", "missing", "missing"]
    assert float(rows[0]["pneumonia"]) == lines[0]["pneumonia"]
    assert (rows[0]["model"], rows[0]["model_version"]) == ("tiny-grey", "0.0.1")
    # The apostrophe keeps spreadsheets from reading the file name as a formula.
    assert [row["file"] for row in rows] == ["high.png", "'=HYPERLINK(1).png", *names[2:]]
    assert (out / "results.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert not list(out.glob(".*"))


def test_probabilities_at_another_prevalence(journal: Journal, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_tables(journal, out, prevalence=0.1)
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    for line in lines[:3]:
        wanted = probability_at(line["pneumonia"], 0.5, 0.1)
        assert line["at_prevalence"] == {"prevalence": 0.1, "probability": wanted}
    assert not ["at_prevalence" for line in lines[3:] if "at_prevalence" in line]


def test_images_with_a_caveat_are_counted_separately(journal: Journal, tmp_path: Path) -> None:
    for entry in list(journal.entries("predicted")):
        change = {"forced": True} if entry.name == "high.png" else {"in_training_population": False}
        journal.answered(entry.name, {**(entry.result or {}), **change}, entry.heatmap_file)
    summary = write_tables(journal, tmp_path / "out")
    assert summary.triage == {"likely_pneumonia": 1, "indeterminate": 1, "likely_normal": 1}
    assert summary.groups == {"forced": 1, "outside": 2}


def test_the_report(journal: Journal, images: dict[str, Path], predictor: Predictor, tmp_path: Path) -> None:
    steps: list[None] = []
    path = write_report(journal, tmp_path / "out", images, predictor.card, on_progress=lambda: steps.append(None))
    page = path.read_text(encoding="utf-8")
    assert len(steps) == 3
    assert page.index(">high.png<") < page.index(">=HYPERLINK(1).png<") < page.index(">low.png<")
    assert page.count("data:image/webp;base64,") == 6
    for text in ("letter.txt", "unsupported_format", "down.png", "S3 failed.", "absent.png", "6 images"):
        assert text in page


def test_a_report_without_the_images(journal: Journal, predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "out" / "heatmaps" / "low.png").unlink()
    gone = {"high.png": tmp_path / "moved.png"}
    page = write_report(journal, tmp_path / "out", gone, predictor.card).read_text(encoding="utf-8")
    assert page.count("<article") == 3
    assert page.count("data:image/webp;base64,") == 2


def test_thumbnails_of_very_many_are_small(
    journal: Journal, images: dict[str, Path], predictor: Predictor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = write_report(journal, tmp_path / "out", images, predictor.card).stat().st_size
    monkeypatch.setattr(report, "SIDES", ((2, 512),))
    assert write_report(journal, tmp_path / "out", images, predictor.card).stat().st_size < large
