import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pneumonia_cli.dicom_out.answer import Answer
from pneumonia_cli.gateway.log import Log
from pneumonia_cli.gateway.metrics import Metrics
from pneumonia_cli.gateway.pseudonyms import Pseudonyms
from pneumonia_cli.gateway.retry import Backoff
from pneumonia_cli.gateway.store import Job, Store
from pneumonia_cli.gateway.worker import MOST_INTERRUPTED, Worker
from tests.dicom_out.films import dicom_film, make_heatmap
from tests.gateway.fakes import FakeAnswers

ID = "a" * 32


class Delivered:
    def __init__(self) -> None:
        self.files: list[Path] = []

    def send(self, files: Sequence[Path]) -> None:
        self.files += files


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "state", max_queued=10, min_free_bytes=1)
    store.open()
    store.close()
    path = store.receiving / "one.dcm"
    path.write_bytes(dicom_film())
    store.admit(path, ID)
    return store


def job_in(store: Store) -> Job:
    (job,) = store.jobs()
    return job


def worker(store: Store, answers: Any, **options: Any) -> Worker:
    settings = {"give_up_seconds": 3600.0, "keep_burned_in": False, "clock": lambda: job_in(store).received, **options}
    return Worker(
        store, answers, Delivered(), Pseudonyms(b"k" * 32), Backoff(5.0, 600.0), log=Log(io.StringIO()),
        metrics=Metrics(), **settings,
    )  # fmt: skip


class Ends(BaseException):
    """Simulates the end of the process."""


class EndsTheProcess(FakeAnswers):
    def of(self, data: bytes) -> Answer:
        raise Ends


def test_an_image_that_ends_the_process_is_given_up(store: Store) -> None:
    answers = EndsTheProcess(make_heatmap())
    for count in range(MOST_INTERRUPTED):
        with pytest.raises(Ends):
            worker(store, answers).work(job_in(store))
        job = job_in(store)
        assert job.interrupted == count + 1
        assert job.due > job.received  # other images come first
    assert worker(store, answers).work(job_in(store)) is None
    assert store.failed() == [ID]
    assert "stopped 5 times" in store.reason(ID)["reason"]


def test_an_answer_resets_the_count_of_interruptions(store: Store) -> None:
    with pytest.raises(Ends):
        worker(store, EndsTheProcess(make_heatmap())).work(job_in(store))
    answers = FakeAnswers(make_heatmap())
    answers.broken = True
    assert worker(store, answers).work(job_in(store)) is not None
    assert job_in(store).interrupted == 0
    answers.broken = False
    assert worker(store, answers, clock=lambda: 0.0).work(job_in(store)) is None
    assert store.queued() == []


def test_an_image_is_given_up_after_the_limit(store: Store) -> None:
    answers = FakeAnswers(make_heatmap())
    answers.broken = True
    late = job_in(store).received + 3600
    assert worker(store, answers, clock=lambda: late).work(job_in(store)) is None
    assert store.reason(ID) | {"failed": 0} == {
        "stage": "predict", "reason": "The service returned no prediction: network.", "attempts": 0, "failed": 0,
    }  # fmt: skip


def test_a_failure_of_the_gateway_quotes_nothing(store: Store) -> None:
    class Faulty(FakeAnswers):
        def of(self, data: bytes) -> Answer:
            raise ValueError("ZZFAMILY^ZZGIVEN")

    again = worker(store, Faulty(make_heatmap())).work(job_in(store))
    assert again is not None
    assert b"ZZ" not in (again.folder / "state.json").read_bytes()
