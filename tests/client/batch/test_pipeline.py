import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pneumonia_cli.client.batch import pipeline, upload
from pneumonia_cli.client.batch.collect import Collector, Patience
from pneumonia_cli.client.batch.journal import Journal
from pneumonia_cli.client.batch.pipeline import DEAD, LOST, NOT_BEGUN, BatchOptions, upload_and_collect
from pneumonia_cli.client.batch.places import Places
from pneumonia_cli.client.files import find
from pneumonia_cli.client.output import progress
from tests.client.conftest import Stack
from tests.conftest import MakeFilms

Hurry = Callable[[int], None]


@pytest.fixture
def hurry(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Hurry:
    """Return a function after which a run without results ends only once this many images are uploaded."""
    over = Patience.over

    def after(count: int) -> None:
        monkeypatch.setattr(Patience, "over", lambda self: over(self) if len(stack.uploads()) >= count else None)

    return after


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often: a local cloud has results at once."""
    monkeypatch.setattr(pipeline, "_LOOK_EVERY_SECONDS", 0.1)


def places(stack: Stack) -> Places:
    return Places(stack.cloud.s3, "pneumonia-uploads", "pneumonia-results")


def with_queues(stack: Stack) -> Places:
    cloud = stack.cloud
    return Places(
        cloud.s3, "pneumonia-uploads", "pneumonia-results", cloud.sqs, cloud.queue_url, cloud.dead_letter_queue_url
    )


def lose_everything(stack: Stack) -> None:
    """Lose all objects, as a local cloud does when it is restarted."""
    for key, version in stack.uploads():
        stack.cloud.s3.delete_object(Bucket="pneumonia-uploads", Key=key, VersionId=version)
    stack.cloud.sqs.purge_queue(QueueUrl=stack.cloud.queue_url)


def run(stack: Stack, journal: Journal, folder: Path, options: BatchOptions, where: Places | None = None) -> str | None:
    with progress() as bars:
        return upload_and_collect(where or places(stack), journal, find([str(folder)]), options, bars)


@pytest.mark.slow
def test_no_more_uploads_wait_than_the_limit(
    stack: Stack, make_films: MakeFilms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, look = upload.put_once, Collector.look
    uploaded = answered = most = 0

    def counted_put(*arguments: Any, **options: Any) -> bool:
        nonlocal uploaded, most
        uploaded += 1
        most = max(most, uploaded - answered)
        return put(*arguments, **options)

    def counted_look(self: Collector, waiting: dict[str, None]) -> int:
        nonlocal answered
        stack.poller.poll()
        found = look(self, waiting)
        answered += found
        return found

    monkeypatch.setattr(upload, "put_once", counted_put)
    monkeypatch.setattr(Collector, "look", counted_look)
    images = make_films({f"{number}.png": number for number in range(30)})
    with Journal(tmp_path / "out", {}) as journal:
        assert run(stack, journal, images, BatchOptions(tmp_path / "out", jobs=4, unanswered=7)) is None
        assert journal.counts() == {"predicted": 30}
    assert (uploaded, most) == (30, 7)


@pytest.mark.slow
def test_images_that_were_not_uploaded_are_reported(
    stack: Stack, make_films: MakeFilms, tmp_path: Path, hurry: Hurry
) -> None:
    """Without results, the remaining images are not uploaded but counted, and are uploaded the next time."""
    images = make_films({f"{number}.png": number for number in range(10)})
    options = BatchOptions(tmp_path / "out", jobs=2, unanswered=4, patience_seconds=1.0)
    hurry(4)
    with Journal(tmp_path / "out", {}) as journal:
        assert "No new result for 1 s" in str(run(stack, journal, images, options))
        assert journal.counts() == {"waiting": 4, "failed": 6}
        assert {entry.reason for entry in journal.entries("failed")} == {NOT_BEGUN}
        assert len(stack.uploads()) == 4
        with stack.poller.running():
            assert run(stack, journal, images, replace(options, patience_seconds=120.0)) is None
        assert journal.counts() == {"predicted": 10}
    assert len(stack.uploads()) == 10


@pytest.mark.slow
@pytest.mark.parametrize("may_list", [True, False])
def test_uploads_that_the_service_lost_are_sent_again(
    stack: Stack, make_films: MakeFilms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hurry: Hurry, may_list: bool
) -> None:
    """The run waits for the maximum number of images, and none of them is still in the bucket."""
    images = make_films({f"{number}.png": number for number in range(6)})
    options = BatchOptions(tmp_path / "out", jobs=2, unanswered=4, patience_seconds=1.0)
    hurry(4)
    with Journal(tmp_path / "out", {}) as journal:
        assert run(stack, journal, images, options) is not None
        assert journal.counts() == {"waiting": 4, "failed": 2}
        lose_everything(stack)
        if not may_list:
            monkeypatch.setattr(pipeline, "lost", lambda *_arguments: None)
        with stack.poller.running():
            assert run(stack, journal, images, replace(options, patience_seconds=120.0)) is None
        assert journal.counts() == {"predicted": 6}
    assert len(stack.uploads()) == 6


@pytest.mark.slow
def test_uploads_lost_during_the_run_are_sent_again(
    stack: Stack, make_films: MakeFilms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "_CHECK_EVERY_SECONDS", 0.2)
    images = make_films({f"{number}.png": number for number in range(3)})
    lose, look = Journal.lose, Collector.look
    gone = False

    def lose_then_look(self: Collector, waiting: dict[str, None]) -> int:
        nonlocal gone
        if not gone and len(waiting) == 3:  # every image is uploaded
            gone = True
            lose_everything(stack)
        return look(self, waiting)

    def wake_up(self: Journal, keys: Any, reason: str) -> list[str]:
        names = lose(self, keys, reason)
        monkeypatch.setattr(Collector, "look", polled_look if names else lose_then_look)
        return names

    def polled_look(self: Collector, waiting: dict[str, None]) -> int:
        stack.poller.poll()
        return look(self, waiting)

    monkeypatch.setattr(Collector, "look", lose_then_look)
    monkeypatch.setattr(Journal, "lose", wake_up)
    with Journal(tmp_path / "out", {}) as journal:
        options = BatchOptions(tmp_path / "out", jobs=2, patience_seconds=120.0)
        assert run(stack, journal, images, options) is None
        assert journal.counts() == {"predicted": 3}


@pytest.mark.slow
def test_lost_uploads_whose_files_are_gone_are_reported(
    stack: Stack, make_films: MakeFilms, tmp_path: Path, hurry: Hurry
) -> None:
    images = make_films({"a.png": 1, "b.png": 2})
    options = BatchOptions(tmp_path / "out", patience_seconds=0.3)
    hurry(2)
    with Journal(tmp_path / "out", {}) as journal:
        run(stack, journal, images, options)
        lose_everything(stack)
        (images / "b.png").unlink()
        with stack.poller.running():
            assert run(stack, journal, images, replace(options, patience_seconds=120.0)) is None
        assert journal.counts() == {"predicted": 1, "failed": 1}
        assert [entry.reason for entry in journal.entries("failed")] == [LOST]


@pytest.mark.slow
def test_dead_letters_do_not_count_as_waiting(
    stack: Stack, make_films: MakeFilms, tmp_path: Path, hurry: Hurry
) -> None:
    """The maximum number of images is in the dead-letter queue. The other images are uploaded anyway."""
    images = make_films({f"{number}.png": number for number in range(9)})
    where = with_queues(stack)
    options = BatchOptions(tmp_path / "out", jobs=2, unanswered=4, patience_seconds=1.0)
    cloud = stack.cloud
    hurry(4)
    with Journal(tmp_path / "out", {}) as journal:
        assert run(stack, journal, images, options) is not None
        cloud.sqs.purge_queue(QueueUrl=cloud.queue_url)
        for _ in range(4):
            cloud.sqs.send_message(QueueUrl=cloud.dead_letter_queue_url, MessageBody="{}")
        with stack.poller.running():
            said = run(stack, journal, images, replace(options, patience_seconds=120.0), where)
        assert said == DEAD
        assert journal.counts() == {"predicted": 5, "waiting": 4}


@pytest.mark.slow
def test_a_slow_upload_does_not_become_a_dead_letter(
    stack: Stack, make_films: MakeFilms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the start the queue is empty and nothing waits. This must not look like failed uploads."""
    put, stalls, enough = upload.put_once, 0, threading.Event()

    def slow_put(*arguments: Any, **options: Any) -> bool:
        assert enough.wait(120)
        return put(*arguments, **options)

    all_dead = Patience.all_dead

    def count(self: Patience, waiting: int) -> bool:
        nonlocal stalls
        stalls += 1
        if stalls == 5:
            enough.set()
        return all_dead(self, waiting)

    monkeypatch.setattr(upload, "put_once", slow_put)
    monkeypatch.setattr(Patience, "all_dead", count)
    stack.cloud.sqs.purge_queue(QueueUrl=stack.cloud.queue_url)
    with stack.poller.running(), Journal(tmp_path / "out", {}) as journal:
        options = BatchOptions(tmp_path / "out", patience_seconds=120.0)
        assert run(stack, journal, make_films({"a.png": 1}), options, with_queues(stack)) is None
