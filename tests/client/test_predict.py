import json
from pathlib import Path

import pytest

from tests.client.conftest import Pneumonia
from tests.conftest import MakeFilms


def test_predicts_on_this_machine(
    tiny_service: None, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    ran = pneumonia("predict", make_films({"high.png": 250, "notes.txt": b"no film"}), "--json", "--out", out)
    high, notes = map(json.loads, ran.out.splitlines())
    assert ran.code == 3
    assert (high["file"], high["label"]) == ("high.png", "pneumonia")
    assert notes["error"]["code"] == "unsupported_format"
    assert out.read_text(encoding="utf-8") == ran.out


def test_a_table_for_people(tiny_service: None, pneumonia: Pneumonia, make_films: MakeFilms) -> None:
    ran = pneumonia("predict", make_films({"high.png": 250}))
    assert ran.code == 0
    assert "high.png" in ran.out


def test_nothing_found(pneumonia: Pneumonia, tmp_path: Path) -> None:
    ran = pneumonia("predict", tmp_path / "none")
    assert (ran.code, ran.out) == (2, "")
    assert "No image found" in ran.err


def test_no_model(pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODEL_DIR", str(tmp_path / "none"))
    ran = pneumonia("predict", make_films({"high.png": 250}))
    assert ran.code == 1
    assert "MODEL_DIR" in ran.err
    assert "Traceback" not in ran.err
