"""The records of a batch at the same time: which steps overlap, which never do, and that the results stay the same."""

import io
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from pneumonia.handlers import worker
from pneumonia.predictor import process_predictor
from pneumonia.uploads import process
from pneumonia.uploads.concurrency import IN_FLIGHT, overlapping
from tests.conftest import RESULTS, ImageBytes
from tests.unit.handlers.test_worker import Run, keys, log, result, run, s3, sqs_event, upload

__all__ = ["log", "run", "s3", "upload"]  # the fixtures of the worker's own tests

PATIENCE = 60  # seconds until a waiting thread gives up and the test fails


class Together:
    """Counts how many threads are inside at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.inside = self.most = self.entered = 0

    def __enter__(self) -> None:
        with self._lock:
            self.inside += 1
            self.entered += 1
            self.most = max(self.most, self.inside)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self.inside -= 1


def test_s3_is_waited_for_by_several_records_at_once(
    s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    meeting = threading.Barrier(IN_FLIGHT, timeout=PATIENCE)
    get = process._get

    def slow(found: Any) -> Any:
        meeting.wait()  # waits forever if records are read one after the other
        return get(found)

    monkeypatch.setattr(process, "_get", slow)
    assert run(sqs_event(*(upload(f"{k}.png", image_bytes()) for k in range(IN_FLIGHT)))) == []
    assert len(keys(s3)) == 2 * IN_FLIGHT


def test_no_more_than_the_limit_are_held_and_one_is_computed(
    s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, computed = Together(), Together()
    one, predict = process.process_upload, process_predictor().predict

    def processing(*args: Any, **kwargs: Any) -> Any:
        with held:
            return one(*args, **kwargs)

    def computing(*args: Any, **kwargs: Any) -> Any:
        with computed:
            time.sleep(0.01)  # long enough for others to enter, if they could
            return predict(*args, **kwargs)

    monkeypatch.setattr(worker, "process_upload", processing)
    monkeypatch.setattr(process_predictor(), "predict", computing)
    assert run(sqs_event(*(upload(f"{k}.png", image_bytes()) for k in range(10)))) == []
    assert held.entered == computed.entered == 10
    assert held.most <= IN_FLIGHT
    assert computed.most == 1


def test_each_upload_gets_one_result_next_to_any_other_record(
    s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes
) -> None:
    s3.put_bucket_versioning(Bucket=RESULTS, VersioningConfiguration={"Status": "Enabled"})
    images = [upload(f"{k}.png", image_bytes(grey=25 * k)) for k in range(4)]
    text = upload("text", b"no image")
    event = sqs_event(images[0], "not json", images[1], images[0], text, images[2], "{}", images[3])
    assert run(event) == ["message-1", "message-6"]
    written = Counter(version["Key"] for version in s3.list_object_versions(Bucket=RESULTS)["Versions"])
    images_written = {f"{k}.png{suffix}" for k in range(4) for suffix in (".json", ".heatmap.png")}
    assert written == Counter(images_written | {"text.json"})
    assert [result(s3, f"{k}.png")["source"]["key"] for k in range(4)] == [f"{k}.png" for k in range(4)]
    assert result(s3, "text")["code"] == "unsupported_format"


def test_results_are_the_same_as_one_by_one(
    s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes
) -> None:
    greys = (0, 60, 120, 180, 240)
    together = [upload(f"together-{grey}", image_bytes(grey=grey)) for grey in greys]
    assert run(sqs_event(*together)) == []
    for grey in greys:
        assert run(sqs_event(upload(f"alone-{grey}", image_bytes(grey=grey)))) == []
    for grey in greys:
        pair = [result(s3, f"{name}-{grey}") for name in ("together", "alone")]
        assert pair[0]["pneumonia"] == pair[1]["pneumonia"]


def test_a_failing_record_does_not_stop_the_others(
    s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    get = process._get

    def failing(found: Any) -> Any:
        if found.key == "2.png":
            raise RuntimeError("S3 is down for this one")
        return get(found)

    monkeypatch.setattr(process, "_get", failing)
    event = sqs_event(*(upload(f"{k}.png", image_bytes()) for k in range(5)))
    assert run(event) == ["message-2"]
    assert {key.partition(".")[0] for key in keys(s3)} == {"0", "1", "3", "4"}
    monkeypatch.setattr(process, "_get", get)
    assert run(event) == []  # delivered again: the others already have their results
    assert len(keys(s3)) == 10


def test_events_of_one_object_stay_in_their_order(
    s3: Any, run: Run, upload: Callable[..., str], image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str | None] = []
    one = process.process_upload
    alone = Together()

    def noting(found: Any, request_id: str, **options: Any) -> Any:
        with alone:
            seen.append(found.sequencer)
            return one(found, request_id, **options)

    monkeypatch.setattr(worker, "process_upload", noting)
    order = ["0A", "0C", "0B", "0D"]
    assert run(sqs_event(*(upload("a.png", image_bytes(), sequencer=place) for place in order))) == []
    assert seen == order
    assert alone.most == 1
    assert result(s3, "a.png")["source"]["sequencer"] == "0D"


def test_log_lines_have_the_id_of_their_record(s3: Any, run: Run, upload: Callable[..., str], log: io.StringIO) -> None:
    ids = [f"7d444840-9dc0-11d1-b245-5ffdce74fad{k}" for k in range(8)]
    messages = [upload(f"{k}", b"no image", metadata={"correlation-id": chosen}) for k, chosen in enumerate(ids)]
    assert run(sqs_event(*messages)) == []
    assert sorted(json.loads(line)["correlation_id"] for line in log.getvalue().splitlines()) == ids


def test_results_are_in_the_order_of_the_items() -> None:
    turns = [0.2, 0.1, 0.0]

    def done(turn: float) -> float:
        time.sleep(turn)  # so they end in the opposite order
        return turn

    assert overlapping(turns, lambda turn: turn, done) == turns
    assert overlapping([], lambda turn: turn, done) == []
