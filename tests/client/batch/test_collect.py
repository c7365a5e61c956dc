import json
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from pneumonia.uploads.names import upload_stem
from pneumonia_cli.client.batch import collect
from pneumonia_cli.client.batch.collect import Collector, Patience, file_stem
from pneumonia_cli.client.batch.journal import Journal
from pneumonia_cli.client.errors import CredentialsError, ServiceError
from tests.conftest import RESULTS

PREDICTED = {"status": "predicted", "pneumonia": 0.5}


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path, {"prefix": "batch/b/"}) as opened:
        for name in ("a", "b", "c"):
            opened.uploaded(name, 1, 1, f"batch/b/{name}")
        yield opened


@pytest.fixture
def collector(s3: Any, journal: Journal, tmp_path: Path) -> Iterator[Collector]:
    with ThreadPoolExecutor(2) as pool:
        yield Collector(s3, RESULTS, journal.prefix, journal, pool, tmp_path)


def put(s3: Any, key: str, document: Any) -> None:
    s3.put_object(Bucket=RESULTS, Key=f"{key}.json", Body=json.dumps(document).encode())


def test_only_results_of_waiting_uploads_are_fetched(
    s3: Any, journal: Journal, collector: Collector, tmp_path: Path
) -> None:
    heatmap = {"bucket": "another", "key": "batch/b/a.heatmap.png"}
    s3.put_object(Bucket=RESULTS, Key="batch/b/a.heatmap.png", Body=b"png")
    put(s3, "batch/b/a", {**PREDICTED, "heatmap": heatmap})
    put(s3, "batch/b/b", {"status": "rejected", "code": "c", "heatmap": None})
    put(s3, "batch/b/unknown", PREDICTED)
    put(s3, "elsewhere/c", PREDICTED)
    waiting = journal.waiting()
    assert collector.catch_up(waiting) == 2
    assert waiting == {"batch/b/c": None}
    assert journal.counts() == {"predicted": 1, "rejected": 1, "waiting": 1}
    (entry,) = journal.entries("predicted")
    assert entry.heatmap_file is not None
    assert (tmp_path / entry.heatmap_file).read_bytes() == b"png"
    assert collector.catch_up(waiting) == 0


def test_files_of_a_backfill_are_not_results(s3: Any, journal: Journal, tmp_path: Path) -> None:
    put(s3, "archive/hospital/a.png", PREDICTED)
    put(s3, "backfill-runs/march/summary", {"execution": "march"})
    put(s3, "backfill-runs/march/5f1e/manifest", {"ResultFiles": {}})
    with ThreadPoolExecutor(1) as pool:
        assert list(Collector(s3, RESULTS, "", journal, pool, tmp_path).keys()) == ["archive/hospital/a.png"]


def test_uploads_under_a_reserved_prefix_are_found_by_their_prefix(s3: Any, journal: Journal, tmp_path: Path) -> None:
    hashed = upload_stem("archive/hospital/a.png")
    for stem in ("archive/hospital/a.png", hashed, "~archive/hospital/b.png", "~ward/a.png", "ward/a.png"):
        put(s3, stem, PREDICTED)
    with ThreadPoolExecutor(1) as pool:
        found = {
            prefix: set(Collector(s3, RESULTS, prefix, journal, pool, tmp_path).keys())
            for prefix in ("archive/hospital/", "arch", "ward/", "~ward/")
        }
    assert found["archive/hospital/"] == found["arch"] == {"archive/hospital/a.png", hashed}
    assert (found["ward/"], found["~ward/"]) == ({"ward/a.png"}, {"~ward/a.png"})


def test_uploads_that_wait_longest_are_checked_first(
    s3: Any, journal: Journal, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "_PROBES", 2)
    waiting = journal.waiting()
    assert list(waiting) == ["batch/b/a", "batch/b/b", "batch/b/c"]
    put(s3, "batch/b/c", PREDICTED)
    assert collector.look(waiting) == 0
    assert list(waiting) == ["batch/b/c", "batch/b/a", "batch/b/b"]
    assert collector.look(waiting) == 1  # a and c are asked for first, then a and b
    assert list(waiting) == ["batch/b/b", "batch/b/a"]


def test_one_look_makes_a_limited_number_of_rounds(
    s3: Any, journal: Journal, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "_PROBES", 1)
    monkeypatch.setattr(collect, "_ROUNDS", 2)
    for name in ("a", "b", "c"):
        put(s3, f"batch/b/{name}", PREDICTED)
    waiting = journal.waiting()
    assert (collector.look(waiting), collector.look(waiting), waiting) == (2, 1, {})


def test_a_missing_permission_is_not_reported_as_a_missing_result(
    s3: Any, journal: Journal, collector: Collector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_arguments: Any) -> Any:
        response = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        raise ClientError(response, "GetObject")  # type: ignore[arg-type] # as much of it as is read

    monkeypatch.setattr(s3, "get_object", refuse)
    with pytest.raises(CredentialsError, match="GetObject"):
        collector.look(journal.waiting())


@pytest.mark.parametrize(
    "document", [[], {}, {"status": "else"}, {"status": "predicted"}, PREDICTED | {"heatmap": "x"}]
)
def test_a_document_that_is_not_a_result_is_an_error(
    s3: Any, journal: Journal, collector: Collector, document: Any
) -> None:
    put(s3, "batch/b/a", document)
    with pytest.raises(ServiceError, match="not a result"):
        collector.look(journal.waiting())


def test_file_names() -> None:
    own = "0123456789abcdef0123456789abcdef"
    assert file_stem(f"batch/x/{own}") == own
    stems = [file_stem(key) for key in ("films/a b.png", "other/a b.png", "../..", "a/.hidden", "x" * 900, "Ü/é")]
    assert len(set(stems)) == len(stems)
    assert all(re.fullmatch(r"[\w-][\w.-]{0,90}", stem) for stem in stems)


def test_patience_ends_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    patience = Patience(10.0, None, None, None)
    now = 10.0
    assert patience.over() is None
    patience.news()
    now = 20.0
    assert (patience.silent_seconds, patience.over()) == (10.0, None)
    now = 20.5
    assert "No new result for 10 s" in str(patience.over())
    assert not patience.all_dead(1)  # unknown without SQS


def test_waiting_ends_when_all_missing_uploads_are_dead_letters(aws_credentials: None) -> None:
    with mock_aws():
        sqs = boto3.client("sqs")
        queue, dead = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("queue", "dead"))
        patience = Patience(1e9, sqs, queue, dead)
        sqs.send_message(QueueUrl=dead, MessageBody="a")
        sqs.send_message(QueueUrl=queue, MessageBody="b")
        assert not any(patience.all_dead(1) for _ in range(5))  # one is still in the queue
        sqs.purge_queue(QueueUrl=queue)
        assert not any(patience.all_dead(2) for _ in range(5))  # fewer dead than missing
        assert not any(patience.all_dead(0) for _ in range(5))  # nothing is missing
        assert [patience.all_dead(1), patience.all_dead(1)] == [False, False]
        patience.news()  # restarts the count
        assert [patience.all_dead(1), patience.all_dead(1), patience.all_dead(1)] == [False, False, True]
        sqs.close()
