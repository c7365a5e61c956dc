import csv
import json
from pathlib import Path

import pytest

from pneumonia.uploads.document import ResultDocument
from pneumonia.uploads.feedback import Feedback, store_feedback
from tests.client.conftest import Pneumonia, Stack
from tests.conftest import MakeFilms


def upload(stack: Stack, images: Path) -> None:
    for image in images.rglob("*.png"):
        key = image.relative_to(images.parent).as_posix()
        stack.cloud.s3.put_object(Bucket="pneumonia-uploads", Key=key, Body=image.read_bytes())
    while stack.poller.poll():
        pass


@pytest.mark.slow
def test_results_of_uploads_made_otherwise(
    stack: Stack, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path
) -> None:
    upload(stack, make_films({"a b.png": 250, "ward/ü.png": 5}, folder="monday"))
    upload(stack, make_films({"c.png": 5}, folder="tuesday"))
    out = tmp_path / "out"
    ran = pneumonia("results", out, "--prefix", "monday/", *stack.options, "--json")
    assert ran.code == 0
    assert json.loads(ran.out)["predicted"] == 2
    lines = [json.loads(line) for line in (out / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [line["file"] for line in lines] == ["monday/a b.png", "monday/ward/ü.png"]
    assert all((out / line["heatmap_file"]).is_file() for line in lines)
    # A newer result of the same key replaces the older one.
    upload(stack, make_films({"a b.png": 5}, folder="monday"))
    pneumonia("results", out, "--prefix", "monday/", *stack.options)
    labels = [json.loads(line)["label"] for line in (out / "results.jsonl").read_text(encoding="utf-8").splitlines()]
    assert labels == ["normal", "normal"]


def test_a_prefix_without_results(stack: Stack, pneumonia: Pneumonia, tmp_path: Path) -> None:
    ran = pneumonia("results", tmp_path / "out", "--prefix", "none/", *stack.options, "--json")
    assert (ran.code, json.loads(ran.out)["total"]) == (0, 0)


def test_a_folder_without_a_batch(stack: Stack, pneumonia: Pneumonia, tmp_path: Path) -> None:
    ran = pneumonia("results", tmp_path / "none", *stack.options)
    assert ran.code == 2
    assert "--prefix" in ran.err
    assert not (tmp_path / "none").exists()


def test_results_include_the_feedback_of_readers(
    stack: Stack, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path
) -> None:
    s3 = stack.cloud.s3
    upload(stack, make_films({"judged.png": 250, "other.png": 5}, folder="api"))
    source = {"bucket": "pneumonia-uploads", "key": "api/judged.png"}
    document = ResultDocument("predicted", {"triage": "likely_pneumonia"}, None, source)
    store_feedback(s3, "pneumonia-results", source, Feedback("disagree", "no_pneumonia"), document)
    out = tmp_path / "out"
    ran = pneumonia("results", out, "--prefix", "api/", *stack.options, "--json")
    assert (ran.code, json.loads(ran.out)["predicted"]) == (0, 2)
    lines = {line["file"]: line for line in map(json.loads, (out / "results.jsonl").read_text().splitlines())}
    said = lines["api/judged.png"]["feedback"]
    assert (said["verdict"], said["reason"]) == ("disagree", "no_pneumonia")
    assert said["judged"]["triage"] == "likely_pneumonia"
    assert "feedback" not in lines["api/other.png"]
    with (out / "results.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = {row["file"]: (row["feedback"], row["feedback_reason"]) for row in csv.DictReader(stream)}
    assert rows == {"api/judged.png": ("disagree", "no_pneumonia"), "api/other.png": ("", "")}
    # The feedback of readers is not a result, even without a prefix.
    ran = pneumonia("results", tmp_path / "all", "--prefix", "", *stack.options, "--json")
    assert json.loads(ran.out)["total"] == 2
