from pathlib import Path
from typing import Any

import pytest

from pneumonia_cli.client.batch import pipeline, upload
from pneumonia_cli.client.batch.collect import Collector
from pneumonia_cli.client.batch.journal import Journal
from pneumonia_cli.client.batch.pipeline import NOT_BEGUN, BatchOptions, upload_and_collect
from pneumonia_cli.client.batch.places import Places
from pneumonia_cli.client.files import find
from pneumonia_cli.client.output import progress
from tests.client.conftest import Stack
from tests.conftest import MakeFilms


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """A local cloud has results at once."""
    monkeypatch.setattr(pipeline, "_LOOK_EVERY_SECONDS", 0.1)


def places(stack: Stack) -> Places:
    return Places(stack.cloud.s3, "pneumonia-uploads", "pneumonia-results")


def run(stack: Stack, journal: Journal, folder: Path, options: BatchOptions) -> str | None:
    with progress() as bars:
        return upload_and_collect(places(stack), journal, find([str(folder)]), options, bars)


def test_never_more_under_way_than_asked_for(
    stack: Stack, make_films: MakeFilms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, look = upload.put_once, Collector.look
    uploaded = answered = most = 0

    def counted_put(*arguments: Any) -> bool:
        nonlocal uploaded, most
        uploaded += 1
        most = max(most, uploaded - answered)
        return put(*arguments)

    def counted_look(self: Collector, waiting: dict[str, None]) -> int:
        nonlocal answered
        stack.poller.poll()
        found = look(self, waiting)
        answered += found
        return found

    monkeypatch.setattr(upload, "put_once", counted_put)
    monkeypatch.setattr(Collector, "look", counted_look)
    films = make_films({f"{number}.png": number for number in range(30)})
    with Journal(tmp_path / "out", {}) as journal:
        assert run(stack, journal, films, BatchOptions(tmp_path / "out", jobs=4, unanswered=7)) is None
        assert journal.counts() == {"predicted": 30}
    assert (uploaded, most) == (30, 7)


def test_what_was_not_begun_is_told(stack: Stack, make_films: MakeFilms, tmp_path: Path) -> None:
    """Nobody answers: the rest is not uploaded, is part of the count, and goes up the next time."""
    films = make_films({f"{number}.png": number for number in range(10)})
    options = BatchOptions(tmp_path / "out", jobs=2, unanswered=4, patience_seconds=1.0)
    with Journal(tmp_path / "out", {}) as journal:
        assert "No result came for 1 s" in str(run(stack, journal, films, options))
        assert journal.counts() == {"waiting": 4, "failed": 6}
        assert {film.reason for film in journal.films("failed")} == {NOT_BEGUN}
        assert len(stack.uploads()) == 4
        with stack.poller.running():
            assert run(stack, journal, films, options) is None
        assert journal.counts() == {"predicted": 10}
    assert len(stack.uploads()) == 10
