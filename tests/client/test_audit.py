import csv
import json
from pathlib import Path
from typing import Any

import pytest

from tests.client.conftest import Pneumonia, Stack
from tests.conftest import MakeArtifacts, MakeFilms

FILMS = {"ill/a.png": 250, "ill/b.png": 240, "ill/c.png": 120, "well/d.png": 5, "well/e.png": 20, "well/f.png": 90}


@pytest.fixture
def folder(make_films: MakeFilms) -> Path:
    return make_films({**FILMS, "well/text.png": b"not an image", "unknown.png": 50})


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    table = tmp_path / "labels.csv"
    names = [*FILMS, "well/text.png"]
    rows = [f"{name},{'pneumonia' if name.startswith('ill') else 'normal'},{name[-5]}" for name in names]
    table.write_text("\n".join(["file,label,patient", *rows]) + "\n", encoding="utf-8")
    return table


def read(out: Path) -> tuple[dict[str, Any], list[dict[str, str]]]:
    with (out / "films.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    return json.loads((out / "audit.json").read_text(encoding="utf-8")), rows


def test_the_model_of_this_machine(
    tiny_service: None, pneumonia: Pneumonia, folder: Path, labels: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ran = pneumonia("audit", folder, "--labels", labels, "--out", out, "--json")
    assert ran.code == 3  # one image was refused
    figures, rows = read(out)
    assert json.loads(ran.out) == figures
    assert figures["films"] == {"pneumonia": 3, "pneumonia_patients": 3, "normal": 3, "normal_patients": 3}
    assert figures["unlabelled"] == 1
    assert figures["auc"][0] == 1
    assert figures["refused"] == {"unsupported_format": {"pneumonia": 0, "normal": 1}}
    assert (figures["against"], figures["comparison"]) == (None, None)
    assert [(row["file"], row["known_label"], row["patient"], row["status"]) for row in rows[::3]] == [
        ("ill/a.png", "pneumonia", "a", "predicted"),
        ("well/d.png", "normal", "d", "predicted"),
        ("well/text.png", "normal", "t", "rejected"),
    ]
    assert rows[-1]["code"] == "unsupported_format"
    assert "tiny-grey 0.0.1 on our own images" in (out / "audit.html").read_text(encoding="utf-8")
    ran = pneumonia("audit", folder, "--labels", labels, "--out", out, "--output", "csv")
    found = csv.DictReader(ran.out.splitlines())
    assert [row | {"request_id": ""} for row in found] == [row | {"request_id": ""} for row in rows]


def test_the_model_of_the_service_says_the_same(
    stack: Stack, pneumonia: Pneumonia, folder: Path, labels: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    ran = pneumonia("audit", folder, "--labels", labels, "--out", out, *stack.options)
    assert ran.code == 3
    assert "AUC 1.000" in ran.out
    assert "1 refused" in ran.out
    figures, rows = read(out)
    assert figures["films"]["pneumonia"] == 3
    assert rows[0]["model"] == "tiny-grey"


def test_two_models(
    tiny_service: None,
    pneumonia: Pneumonia,
    folder: Path,
    labels: Path,
    tmp_path: Path,
    make_artifacts: MakeArtifacts,
) -> None:
    out = tmp_path / "out"
    other = make_artifacts({"gain": 2.0})
    ran = pneumonia("audit", folder, "--labels", labels, "--out", out, "--against", other)
    assert ran.code == 3
    assert "Switching to the other model changes the triage of" in ran.out
    figures, rows = read(out)
    assert figures["against"]["model"]["sha256"] != figures["model"]["sha256"]
    assert figures["comparison"]["films"] == 6
    assert figures["comparison"]["triage_changed"] > 0
    assert rows[0]["other_pneumonia"] != rows[0]["pneumonia"]
    assert (rows[-1]["code"], rows[-1]["other_code"]) == ("unsupported_format", "unsupported_format")


def test_invalid_requests_for_an_audit_are_refused(
    tiny_service: None, pneumonia: Pneumonia, folder: Path, labels: Path, tmp_path: Path
) -> None:
    assert "inside" in pneumonia("audit", folder, "--labels", labels, "--out", folder / "out").err
    ran = pneumonia("audit", folder, "--labels", tmp_path / "none.csv", "--out", tmp_path / "out")
    assert (ran.code, "none.csv cannot be read" in ran.err) == (2, True)
    ran = pneumonia("audit", folder, "--labels", labels, "--against", tmp_path, "--out", tmp_path / "out")
    assert (ran.code, "card.json" in ran.err) == (2, True)
    labels.write_text("file,label\nill/a.png,1\nwell/text.png,0\n", encoding="utf-8")
    ran = pneumonia("audit", folder, "--labels", labels, "--out", tmp_path / "out")
    assert (ran.code, "with the same label were refused" in ran.err) == (2, True)
    assert (tmp_path / "out" / "films.csv").is_file()
    assert not (tmp_path / "out" / "audit.html").exists()
