"""Interrupt the queue at every step: acknowledged images must be there afterwards, complete and once."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pneumonia_cli.gateway import durable
from pneumonia_cli.gateway.store import Full, StateInUse, Store

ID = "a" * 32


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return reopened(tmp_path)


def reopened(folder: Path, **options: int) -> Store:
    store = Store(folder / "state", **{"max_queued": 10, "min_free_bytes": 1, **options})
    store.open()
    store.close()
    return store


def received(store: Store, content: bytes = b"image") -> Path:
    path = store.receiving / "one.dcm"
    path.write_bytes(content)
    return path


def test_an_image_is_moved_in_and_waits(store: Store) -> None:
    path = received(store)
    assert store.admit(path, ID)
    assert not path.exists()
    (job,) = store.jobs()
    assert (job.id, job.image.read_bytes(), job.attempts, job.results) == (ID, b"image", 0, None)


def test_the_same_image_again_changes_nothing(store: Store) -> None:
    store.admit(received(store), ID)
    assert not store.admit(received(store, b"again"), ID)
    (job,) = store.jobs()
    assert job.image.read_bytes() == b"image"


def test_results_become_valid_together(store: Store) -> None:
    store.admit(received(store), ID)
    (job,) = store.jobs()
    store.answered(job, {"SC": b"picture", "SR": b"report"}, {"triage": "x"})
    assert job.results is not None
    assert [path.read_bytes() for path in job.results] == [b"picture", b"report"]
    store.done(job)
    assert store.job(ID) is None
    assert store.queued() == []


def test_attempts_and_their_time_are_remembered(store: Store, tmp_path: Path) -> None:
    store.admit(received(store), ID)
    (job,) = store.jobs()
    store.postpone(job, 12345.0, "nobody there")
    (later,) = reopened(tmp_path).jobs()
    assert (later.attempts, later.due, later.received) == (1, 12345.0, job.received)


def test_a_failed_image_is_moved_and_can_be_tried_again(store: Store) -> None:
    store.admit(received(store), ID)
    (job,) = store.jobs()
    store.give_up(job, "predict", "no study")
    assert (store.queued(), store.failed()) == ([], [ID])
    assert store.reason(ID)["reason"] == "no study"
    assert store.retry(ID)
    assert (store.queued(), store.failed(), store.reason(ID)) == ([ID], [], {})
    assert not store.retry("b" * 32)


def test_a_failed_image_that_is_sent_again_starts_again(store: Store) -> None:
    store.admit(received(store), ID)
    (job,) = store.jobs()
    store.give_up(job, "predict", "no study")
    assert store.admit(received(store, b"repaired"), ID)
    (job,) = store.jobs()
    assert job.image.read_bytes() == b"repaired"
    assert store.failed() == []


def test_limits(tmp_path: Path) -> None:
    store = reopened(tmp_path, max_queued=1)
    store.admit(received(store), ID)
    with pytest.raises(Full):
        store.admit(received(store), "b" * 32)
    with pytest.raises(Full, match="disk"):
        reopened(tmp_path, min_free_bytes=10**18).check_room()


def test_one_gateway_at_a_time(store: Store, tmp_path: Path) -> None:
    assert not store.is_open_elsewhere()
    store.open()
    assert store.is_open_elsewhere()
    with pytest.raises(StateInUse):
        reopened(tmp_path)
    store.close()
    reopened(tmp_path)


class Killed(BaseException):
    """Simulates the end of the process."""


def killed_at(step: int, monkeypatch: pytest.MonkeyPatch, action: Callable[[], object]) -> bool:
    """Run an action that is killed before its `step`-th change of the disk. Returns False if it made fewer."""
    left = step

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                raise Killed
            return function(*arguments, **options)

        return call

    with monkeypatch.context() as patch:
        for owner, name in (
            (Path, "rename"), (Path, "replace"), (Path, "mkdir"), (Path, "unlink"), (Path, "open"), (os, "rmdir"),
            (os, "fsync"), (durable, "sync_folder"),
        ):  # fmt: skip
            patch.setattr(owner, name, counted(getattr(owner, name)))
        try:
            action()
        except Killed:
            return True
    return False


def test_an_image_survives_a_kill_at_any_step_of_admission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = 0
    while True:
        step += 1
        folder = tmp_path / str(step)
        store = reopened(folder)
        path = received(store)
        killed = killed_at(step, monkeypatch, lambda store=store, path=path: store.admit(path, ID))  # type: ignore[misc]
        again = reopened(folder)
        # The image is in the queue completely, or it is not there and the sender has no acknowledgement.
        for job in again.jobs():
            assert job.image.read_bytes() == b"image"
        assert again.queued() in ([], [ID])
        again.admit(received(again), ID)
        assert len(list(again.jobs())) == 1
        if not killed:
            break
    assert step > 6


def test_an_image_survives_a_kill_at_any_step_of_delivery(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def work(store: Store) -> None:
        (job,) = store.jobs()
        store.answered(job, {"SC": b"picture", "SR": b"report"}, {})
        store.postpone(job, 0.0, "try again")
        store.done(job)

    step = 0
    while True:
        step += 1
        folder = tmp_path / str(step)
        store = reopened(folder)
        store.admit(received(store), ID)
        killed = killed_at(step, monkeypatch, lambda store=store: work(store))  # type: ignore[misc]
        for job in reopened(folder).jobs():
            assert job.image.read_bytes() == b"image"
            if job.results is not None:
                assert [path.read_bytes() for path in job.results] == [b"picture", b"report"]
        if not killed:
            assert reopened(folder).queued() == []
            break
        if not reopened(folder).queued():  # only if the image was done
            assert step > 15
    assert step > 15
