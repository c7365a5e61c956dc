"""Data of the previous release works with this one: the journal of a batch, stored results, messages in the queue."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pneumonia.uploads.document import ResultDocument
from pneumonia.uploads.events import Message
from pneumonia_cli.client.batch.journal import Journal
from rehearsal.last_release import absent, unpacked
from tests.client.conftest import Pneumonia, Stack

pytestmark = pytest.mark.slow

# Run in the repository of the previous release, with its packages.
MADE_BY_THE_LAST_RELEASE = """
import json, sys
from pathlib import Path
from pneumonia_cli.client.batch.journal import Journal

with Journal(Path(sys.argv[1]), {"results bucket": "pneumonia-results"}) as journal:
    journal.folder = Path(sys.argv[2])
    keys = [journal.key_of(name.encode()) for name in ("a", "b", "c")]
    for name, key in zip(("a.png", "b.png", "c.png"), keys):
        journal.uploaded(name, 5, 100, key)
    journal.answered(keys[0], json.loads(sys.argv[3]), None)
    journal.commit()
print(json.dumps(keys))
"""

# A result of the previous release, without the fields that this release added.
RESULT = {
    "status": "predicted", "normal": 0.25, "pneumonia": 0.75, "label": "pneumonia", "triage": "indeterminate",
    "threshold": 0.4, "model": {"name": "xception", "version": "0.7.0", "sha256": "ab"}, "in_training_population": True,
    "forced": False,
    "image": {
        "format": "PNG", "width": 9, "height": 9, "photometric": "MONOCHROME2", "inverted": False, "warnings": [],
    },
    "timing_ms": {"decode": 1, "preprocess": 1, "model": 1, "total": 3}, "request_id": "r", "notice": "n",
    "correlation_id": "7d444840-9dc0-11d1-b245-5ffdce74fad2",
    "source": {"bucket": "pneumonia-uploads", "key": "k", "version_id": "v", "etag": "e", "sequencer": "0A"},
    "heatmap": None,
}  # fmt: skip


@pytest.fixture
def left(tmp_path: Path) -> tuple[Path, list[str]]:
    """The output folder of a batch of the previous release, and the keys of its images: one of three has a result."""
    tree, out = tmp_path / "last-release", tmp_path / "march"
    if not unpacked(tree):
        pytest.skip(absent())
    env = {**os.environ, "PYTHONPATH": f"{tree / 'lambda_src'}{os.pathsep}{tree}"}
    command = [sys.executable, "-c", MADE_BY_THE_LAST_RELEASE, str(out), str(tmp_path), json.dumps(RESULT)]
    done = subprocess.run(command, cwd=tree, env=env, check=True, capture_output=True, text=True)
    return out, json.loads(done.stdout)


def test_the_journal_of_the_last_release_can_be_continued(left: tuple[Path, list[str]]) -> None:
    out, keys = left
    with Journal(out, {"results bucket": "pneumonia-results"}) as journal:
        assert set(journal.waiting()) == set(keys[1:])
        assert journal.settled("a.png", 5, 100)
        assert journal.key_of(b"b") == keys[1]
        (entry,) = journal.entries("predicted")
        assert entry.result is not None
        assert entry.result["pneumonia"] == 0.75


def test_the_rest_of_its_batch_is_fetched_with_old_and_new_results(
    left: tuple[Path, list[str]], stack: Stack, pneumonia: Pneumonia
) -> None:
    out, keys = left
    stack.cloud.s3.put_object(Bucket="pneumonia-results", Key=f"{keys[1]}.json", Body=json.dumps(RESULT))
    new = {**RESULT, "schema_version": 1, "calibrated_prevalence": 0.5}
    stack.cloud.s3.put_object(Bucket="pneumonia-results", Key=f"{keys[2]}.json", Body=json.dumps(new))
    ran = pneumonia("results", out, *stack.options, "--json")
    assert ran.code == 0, ran.err
    told: dict[str, Any] = json.loads(ran.out.splitlines()[-1])
    assert (ran.code, told["total"], told["predicted"], told["missing"]) == (0, 3, 3, 0), ran.err


def test_results_of_the_last_release_are_returned_unchanged() -> None:
    old = ResultDocument.parse(json.dumps(RESULT).encode())
    assert old.schema_version is None
    told = old.for_caller("id")
    assert {name: told[name] for name in told.keys() & RESULT.keys() - {"heatmap"}} == {
        name: value for name, value in RESULT.items() if name not in ("source", "heatmap")
    }


def test_a_message_that_waits_in_the_queue_is_read(load_event: Any) -> None:
    # The recorded S3 events are older than both releases. Events of the previous release's `replay` have neither
    # sequencer nor version.
    record = load_event("sqs_s3_put_versioned")["Records"][0]
    body = json.loads(record["body"])
    for name in ("sequencer", "versionId"):
        del body["Records"][0]["s3"]["object"][name]
    body["Records"][0]["eventName"] = "ObjectCreated:Replay"
    (upload,) = Message.from_record({**record, "body": json.dumps(body)}).uploads()
    assert (upload.version_id, upload.sequencer) == (None, None)
