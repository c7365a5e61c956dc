import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pneumonia.model.gate import refusal
from pneumonia.predictor import Predictor
from pneumonia.uploads.correlation import of_batch_key
from pneumonia_cli.client import target
from pneumonia_cli.client.batch import collect, pipeline
from pneumonia_cli.local import poller
from pneumonia_cli.local.functions import WORKER_HANDLER
from tests.client.conftest import Pneumonia, Stack
from tests.conftest import MakeFilms

ROOT = Path(__file__).parents[3]


def summary(text: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(text)
    return {name: found[name] for name in ("total", "predicted", "rejected", "missing")}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often: a local cloud has results at once."""
    monkeypatch.setattr(pipeline, "_LOOK_EVERY_SECONDS", 0.1)


def test_a_folder(service: Stack, pneumonia: Pneumonia, make_films: MakeFilms, working_folder: Path) -> None:
    folder = make_films(
        {"high.png": 250, "ward 1/Müller+Anna.png": 5, "same.png": 250, "cut.png": b"\x89PNG\r\n\x1a\n", "a.txt": b"a"}
    )
    ran = pneumonia("submit", folder, *service.options, "--json")
    assert ran.code == 3
    assert summary(ran.out) == {"total": 5, "predicted": 3, "rejected": 2, "missing": 0}
    out = working_folder / "films-results"
    with (out / "results.csv").open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["file"] for row in rows] == ["high.png", "same.png", "ward 1/Müller+Anna.png", "a.txt", "cut.png"]
    assert [row["code"] for row in rows[3:]] == ["unsupported_format", "undecodable_image"]
    assert all((out / row["heatmap_file"]).read_bytes().startswith(b"\x89PNG") for row in rows[:3])
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Müller+Anna.png" in page
    # Identical images are uploaded once, files that are not images never, and keys contain no file names.
    keys = [key for key, _version in service.uploads()]
    assert len(keys) == 3
    assert all(re.fullmatch(r"batch/[0-9a-f]{32}/[0-9a-f]{32}", key) for key in keys)

    # Each result has the id that the command gave its upload, which finds it in the logs.
    sent = {of_batch_key(key) for key in keys}
    assert {row["correlation_id"] for row in rows if row["code"] in ("", "undecodable_image")} == sent

    before = service.uploads()
    again = pneumonia("submit", folder, *service.options)
    assert again.code == 3
    assert "5 images in total" in again.out
    assert service.uploads() == before

    (folder / "new.png").write_bytes((folder / "high.png").read_bytes() + b"!")
    assert summary(pneumonia("submit", folder, *service.options, "--json").out)["total"] == 6
    assert len(service.uploads()) == 4


@pytest.mark.slow
def test_a_killed_submit_continues_after_a_restart(
    stack: Stack, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path
) -> None:
    """Uploads from before the kill are in the bucket once, and every image has a result at the end."""
    folder = make_films({f"{number}.png": number for number in range(150)})
    out = tmp_path / "out"
    command = [
        sys.executable,
        "-m",
        "pneumonia_cli",
        "submit",
        str(folder),
        *stack.options,
        "--out",
        str(out),
        "--jobs",
        "2",
    ]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "lambda_src"), str(ROOT)])}
    for _ in range(2):
        process = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        seen = len(stack.uploads())
        while len(stack.uploads()) < seen + 20:
            assert process.poll() is None, "it ended before it could be killed"
        process.send_signal(signal.SIGKILL)
        process.wait()
    killed = stack.uploads()
    assert 40 <= len(killed) < 150
    with stack.poller.running():
        ran = pneumonia("submit", folder, *stack.options, "--out", out, "--json")
    assert ran.code == 0
    assert summary(ran.out) == {"total": 150, "predicted": 150, "rejected": 0, "missing": 0}
    uploads = stack.uploads()
    assert len(uploads) == len({key for key, _version in uploads}) == 150
    assert set(killed) <= set(uploads)


@pytest.mark.slow
def test_stopped_by_the_user(
    stack: Stack, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_self: collect.Collector, _waiting: collect.Waiting) -> int:
        raise KeyboardInterrupt

    folder = make_films({"0.txt": b"no image", **{f"{number}.png": number for number in range(1, 5)}})
    with monkeypatch.context() as patch:
        patch.setattr(collect.Collector, "look", interrupt)
        ran = pneumonia("submit", folder, *stack.options, "--out", tmp_path / "out")
    assert ran.code == 130
    assert "Run the same command again to continue" in ran.err
    # Each image is in one count.
    counts = re.search(r"Of 5 images, (\d+) are predicted, (\d+) refused, (\d+) uploaded.*, (\d+) not", ran.err)
    assert counts is not None
    predicted, refused, waiting, left = map(int, counts.groups())
    assert (predicted, refused, waiting + left) == (0, 1, 4)
    assert "Traceback" not in ran.err
    with stack.poller.running():
        assert pneumonia("submit", folder, *stack.options, "--out", tmp_path / "out").code == 3
    assert len(stack.uploads()) == 4


@pytest.mark.slow
def test_failed_uploads_can_be_redriven_and_fetched(
    stack: Stack, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a broken worker, `submit` reports missing results. After the fix, `redrive` and `results` fetch them."""
    broken = True

    def worker(event: dict[str, list[dict[str, str]]], context: Any) -> Any:
        if broken:
            return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in event["Records"]]}
        return WORKER_HANDLER(event, context)

    monkeypatch.setattr(poller, "RETRY_SECONDS", 0)
    monkeypatch.setattr(stack.poller, "_handler", worker)
    folder, out = make_films({"high.png": 250, "low.png": 5}), tmp_path / "out"
    stack.cloud.sqs.purge_queue(QueueUrl=stack.cloud.queue_url)  # the test event would fail too
    with stack.poller.running():
        ran = pneumonia("submit", folder, *stack.options, "--out", out)
        assert ran.code == 4
        assert "2 without a result" in ran.out
        assert "pneumonia redrive" in ran.out
        assert stack.cloud.dead_letters() == 2
        assert pneumonia("results", out, *stack.options).code == 4
        broken = False
        assert pneumonia("redrive", "--stack", "local").code == 0
        # Like a user who does not know when the worker is done.
        ran = pneumonia("submit", folder, *stack.options, "--out", out)
    assert ran.code == 0
    assert len(stack.uploads()) == 2
    ran = pneumonia("results", out, *stack.options, "--json")
    assert (ran.code, summary(ran.out)["predicted"]) == (0, 2)
    assert (out / "report.html").read_text(encoding="utf-8").count("data:image/webp") == 4


def test_no_result_in_time(stack: Stack, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path) -> None:
    folder = make_films({"high.png": 250})
    ran = pneumonia("submit", folder, *stack.options, "--out", tmp_path / "out", "--wait", "1", "--json")
    assert ran.code == 4
    assert "No new result for 1 s" in json.loads(ran.out)["reason"]
    assert "There is no result yet" in (tmp_path / "out" / "results.csv").read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_service_that_has_lost_its_store(
    stack: Stack, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a restart of `serve`, the run waits for the maximum number of images, and none of them is stored."""
    monkeypatch.setattr(target, "LOCAL_UNANSWERED", 2)
    folder = make_films({"a.png": 1, "b.png": 2, "c.png": 3})
    arguments = ("submit", folder, *stack.options, "--out", tmp_path / "out", "--json", "--wait")
    assert pneumonia(*arguments, "1").code == 4
    for key, version in stack.uploads():
        stack.cloud.s3.delete_object(Bucket="pneumonia-uploads", Key=key, VersionId=version)
    stack.cloud.sqs.purge_queue(QueueUrl=stack.cloud.queue_url)
    with stack.poller.running():
        ran = pneumonia(*arguments, "5")
    assert summary(ran.out) == {"total": 3, "predicted": 3, "rejected": 0, "missing": 0}
    assert "2 images are no longer in the upload bucket" in ran.err


@pytest.mark.slow
def test_refusals_by_code_and_what_force_does_of_them(
    service: Stack, pneumonia: Pneumonia, make_films: MakeFilms, working_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --force, only images that the gate refused are sent again."""

    def through_gate(_self: Predictor, first: Any, force: bool) -> Any:
        if force:
            return first
        raise refusal(None)

    monkeypatch.setattr(Predictor, "_through_gate", through_gate)
    folder = make_films({"a.png": 250, "b.png": 5, "c.txt": b"text"})
    ran = pneumonia("submit", folder, *service.options)
    assert ran.code == 3
    assert re.search(r"3 refused\n +2 not_a_chest_xray\n +1 unsupported_format\n", ran.out)
    assert "--force" in (working_folder / "films-results" / "report.html").read_text(encoding="utf-8")
    ran = pneumonia("submit", folder, *service.options, "--force", "--json")
    assert summary(ran.out) == {"total": 3, "predicted": 2, "rejected": 1, "missing": 0}
    assert json.loads(ran.out)["rejected_by_code"] == {"unsupported_format": 1}
    lines = (working_folder / "films-results" / "results.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line).get("forced") for line in lines] == [True, True, None]
    assert len(service.uploads()) == 4
    assert pneumonia("submit", folder, *service.options, "--force").code == 3
    assert len(service.uploads()) == 4


def test_output_among_the_images(stack: Stack, pneumonia: Pneumonia, make_films: MakeFilms) -> None:
    folder = make_films({"high.png": 250})
    ran = pneumonia("submit", folder, *stack.options, "--out", folder / "out")
    assert ran.code == 2
    assert "is inside" in ran.err
    assert stack.uploads() == []


def test_a_missing_service_is_reported_before_anything_is_uploaded(
    stack: Stack, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path
) -> None:
    folder = make_films({"high.png": 250})
    where = ["--stack", "local", "--url", "http://127.0.0.1:1"]
    assert pneumonia("submit", folder, *where, "--out", tmp_path / "out").code == 4
    assert stack.uploads() == []


def test_a_folder_that_is_not_there(pneumonia: Pneumonia, tmp_path: Path) -> None:
    assert pneumonia("submit", tmp_path / "none", "--stack", "local").code == 2
