import re
from pathlib import Path

import pytest

from pneumonia.predictor import Predictor
from pneumonia.prevalence import with_prevalence
from pneumonia_cli.reporting.csv_rows import COLUMNS, csv_row
from tests.conftest import ImageBytes

PAGE = Path(__file__).parents[2] / "lambda_src" / "pneumonia" / "page"


def test_the_page_exports_the_same_columns() -> None:
    script = (PAGE / "csv.js").read_text(encoding="utf-8")
    body = script.partition("const COLUMNS = {")[2].partition("\n};")[0]
    assert tuple(re.findall(r"^    (\w+):", body, re.MULTILINE)) == COLUMNS


def test_a_prediction_fills_the_row(predictor: Predictor, image_bytes: ImageBytes) -> None:
    body = predictor.predict(image_bytes(grey=255), request_id="id-1", heatmap=False, force=True).body
    image = {**body["image"], "sop_instance_uid": "1.2.3", "study_instance_uid": "1.2", "warnings": ["a", "b"]}
    line = {"file": "high.png", "status": "predicted", **body, "image": image, "heatmap_file": "heatmaps/high.png"}
    row = csv_row(with_prevalence({**line, "in_training_population": False}, 0.1))
    assert tuple(row) == COLUMNS
    assert (row["file"], row["status"], row["triage"]) == ("high.png", "predicted", "likely_pneumonia")
    assert (row["in_training_population"], row["forced"], row["warnings"]) == ("false", "true", "a b")
    assert (row["sop_instance_uid"], row["study_instance_uid"]) == ("1.2.3", "1.2")
    assert (float(row["pneumonia"]), row["prevalence"]) == (body["pneumonia"], "0.1")
    assert float(row["pneumonia_at_prevalence"]) < body["pneumonia"]
    assert (row["model"], row["model_sha256"]) == ("tiny-grey", body["model"]["sha256"])
    assert (row["code"], row["answered_at"], row["correlation_id"]) == ("", "", "")


def test_an_image_without_a_prediction() -> None:
    row = csv_row({"file": "x.txt", "status": "rejected", "code": "unsupported_format", "detail": "No.", "extra": 1})
    assert tuple(row) == COLUMNS
    assert {name: value for name, value in row.items() if value} == {
        "file": "x.txt", "status": "rejected", "code": "unsupported_format", "detail": "No.",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["=1+1.png", "+1.png", "-1.png", "@a.png", "\ta.png"])
def test_no_name_becomes_a_formula(name: str) -> None:
    assert csv_row({"file": name, "status": "missing"})["file"] == f"'{name}"
