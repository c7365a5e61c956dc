import json
from pathlib import Path

from pneumonia_cli.reporting.artifacts import (
    HEATMAP_FOLDER,
    RESULTS_FILE,
    heatmap_files,
    prepare,
    write_heatmaps,
    write_results,
)
from pneumonia_cli.reporting.images import ImageFile
from pneumonia_cli.reporting.outcome import Outcome


def image(name: str) -> ImageFile:
    return ImageFile(Path("/films") / name, name)


def test_heatmap_files_are_safe_and_unique() -> None:
    names = ["a.png", "a.jpg", "A.jpeg", "x/a.png", "x_a.png", "../up.png", ".hid", "<b>&\n.png", "ü b.png", "y" * 300]
    files = [Path(file) for file in heatmap_files([image(name) for name in names]).values()]
    assert {file.parent.as_posix() for file in files} == {HEATMAP_FOLDER}
    assert len({file.name.casefold() for file in files}) == len(names)
    assert [file.name for file in files[:4]] == ["a.png", "a-2.png", "A-3.png", "x_a.png"]
    for file in files:
        assert not set(file.name) & set('<>&"\n\\ ')
        assert not file.name.startswith(".")
        assert len(file.name.encode()) < 255


def test_numbered_names_are_unique() -> None:
    images = [image(name) for name in ("a.png", "a-2.png", "a.jpg")]
    assert len(set(heatmap_files(images).values())) == 3


def test_results_and_heatmaps_are_written(tmp_path: Path) -> None:
    good, bad, gone = image("x/good.png"), image("bad.txt"), image("gone.png")
    outcomes = [
        Outcome(good, {"status": "predicted", "pneumonia": 0.5}, b"png"),
        Outcome(bad, {"status": "rejected", "code": "unsupported_format"}),
        Outcome(gone, missing="No result came."),
    ]
    prepare(tmp_path)
    files = heatmap_files([outcome.image for outcome in outcomes])
    write_heatmaps(tmp_path, outcomes, files)
    write_results(tmp_path, outcomes, files)
    lines = [json.loads(line) for line in (tmp_path / RESULTS_FILE).read_text(encoding="utf-8").splitlines()]
    assert lines == [
        {"file": "x/good.png", "status": "predicted", "pneumonia": 0.5, "heatmap_file": "heatmaps/x_good.png"},
        {"file": "bad.txt", "status": "rejected", "code": "unsupported_format", "heatmap_file": None},
        {"file": "gone.png", "status": "missing", "detail": "No result came."},
    ]
    assert [path.name for path in (tmp_path / HEATMAP_FOLDER).iterdir()] == ["x_good.png"]
    assert (tmp_path / "heatmaps/x_good.png").read_bytes() == b"png"


def test_an_earlier_demo_is_removed_but_nothing_of_others(tmp_path: Path) -> None:
    heatmaps = tmp_path / HEATMAP_FOLDER
    heatmaps.mkdir()
    (heatmaps / "mine.png").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    prepare(tmp_path)
    assert (heatmaps / "mine.png").exists()
    (tmp_path / RESULTS_FILE).write_text("{}", encoding="utf-8")
    prepare(tmp_path)
    assert not (heatmaps / "mine.png").exists()
    assert not (tmp_path / RESULTS_FILE).exists()
    assert (tmp_path / "notes.txt").exists()
