import hashlib
import hmac
import re
from pathlib import Path
from typing import Any

import pytest

from pneumonia_cli.client.batch.journal import FILE, WAITING, Journal
from pneumonia_cli.client.errors import UnwritableOutput, UsageProblem

BUCKETS = {"upload bucket": "uploads"}


def predicted(probability: float) -> dict[str, Any]:
    return {"status": "predicted", "pneumonia": probability}


REJECTED = {"status": "rejected", "code": "too_large"}


def test_uploaded_images_are_remembered_by_the_next_run(tmp_path: Path) -> None:
    with Journal(tmp_path, BUCKETS) as journal:
        key = journal.key_of(b"film")
        journal.uploaded("a.png", 5, 100, key)
        assert journal.waiting() == {key: None}
    with Journal(tmp_path, BUCKETS) as journal:
        assert journal.key_of(b"film") == key
        assert journal.settled("a.png", 5, 100)
        assert not journal.settled("a.png", 6, 100)
        assert not journal.settled("a.png", 5, 101)
        assert not journal.settled("b.png", 5, 100)
        assert journal.waiting() == {key: None}


def test_upload_keys_reveal_nothing_about_the_image(tmp_path: Path) -> None:
    with Journal(tmp_path / "one", BUCKETS) as one, Journal(tmp_path / "two", BUCKETS) as two:
        assert re.fullmatch(r"batch/[0-9a-f]{32}/[0-9a-f]{32}", one.key_of(b"film"))
        assert one.key_of(b"film") != one.key_of(b"another")
        assert one.key_of(b"film", force=True) != one.key_of(b"film")
        names = {journal.key_of(b"film").rpartition("/")[2] for journal in (one, two)}
        assert len(names) == 2  # identical images share a key
        prefix = bytes.fromhex(one.prefix.split("/")[1])
        guesses = {hashlib.sha256(b"film").hexdigest()[:32], hmac.new(prefix, b"film", "sha256").hexdigest()[:32]}
        assert not names & guesses


def test_a_result_belongs_to_all_images_of_its_key(tmp_path: Path) -> None:
    with Journal(tmp_path, BUCKETS) as journal:
        journal.uploaded("a.png", 5, 100, "k1")
        journal.uploaded("b.png", 5, 100, "k1")
        assert journal.answered("k1", predicted(0.5), "heatmaps/k1.png") == 2
        journal.uploaded("late.png", 5, 100, "k1")
        assert journal.waiting() == {}
        assert [(entry.name, entry.state, entry.heatmap_file) for entry in journal.entries()] == [
            ("a.png", "predicted", "heatmaps/k1.png"),
            ("b.png", "predicted", "heatmaps/k1.png"),
            ("late.png", "predicted", "heatmaps/k1.png"),
        ]


def test_images_are_sorted_by_risk_then_by_name(tmp_path: Path) -> None:
    with Journal(tmp_path, BUCKETS) as journal:
        for name, probability in (("low", 0.1), ("high", 0.9), ("also high", 0.9)):
            journal.uploaded(name, 1, 1, name)
            journal.answered(name, predicted(probability), None)
        journal.uploaded("bad", 1, 1, "bad")
        journal.answered("bad", REJECTED, None)
        journal.refused("at home", 1, 1, REJECTED)
        journal.failed("down", 1, 1, "S3 failed.")
        journal.uploaded("absent", 1, 1, "absent")
        assert [entry.name for entry in journal.entries()] == [
            "also high", "high", "low", "at home", "bad", "absent", "down",
        ]  # fmt: skip
        assert [entry.name for entry in journal.entries(WAITING, "failed")] == ["absent", "down"]
        assert journal.counts() == {"predicted": 3, "rejected": 2, "failed": 1, "waiting": 1}


def test_images_that_were_not_uploaded_are_tried_again(tmp_path: Path) -> None:
    with Journal(tmp_path, BUCKETS) as journal:
        journal.refused("at home", 1, 1, REJECTED)
        journal.failed("down", 1, 1, "S3 failed.")
        assert not journal.settled("at home", 1, 1)
        assert not journal.settled("down", 1, 1)


def test_a_changed_image_loses_its_result(tmp_path: Path) -> None:
    with Journal(tmp_path, BUCKETS) as journal:
        journal.uploaded("a.png", 5, 100, "k1")
        journal.answered("k1", predicted(0.5), None)
        journal.uploaded("a.png", 6, 200, "k2")
        assert journal.waiting() == {"k2": None}


def test_a_batch_stays_with_its_bucket(tmp_path: Path) -> None:
    with Journal(tmp_path, BUCKETS):
        pass
    with pytest.raises(UsageProblem, match="upload bucket is uploads, not others"):
        Journal(tmp_path, {"upload bucket": "others"})
    with Journal(tmp_path, {}):  # without settings nothing is checked
        pass


def test_the_prefix_can_be_given(tmp_path: Path) -> None:
    with Journal(tmp_path, {"prefix": "ward/"}) as journal:
        assert journal.prefix == "ward/"


def test_the_folder_of_the_images_is_remembered(tmp_path: Path) -> None:
    with Journal(tmp_path, {}) as journal:
        unset: Path | None = journal.folder
        assert unset is None
        journal.folder = tmp_path / "x"
        assert journal.folder == tmp_path / "x"
        journal.folder = tmp_path / "y"
        assert journal.folder == tmp_path / "y"


def test_two_commands_in_one_folder(tmp_path: Path) -> None:
    with Journal(tmp_path, BUCKETS), pytest.raises(UsageProblem, match="is using"):
        Journal(tmp_path, BUCKETS)


def test_a_file_that_is_not_a_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"not a database " * 100)
    with pytest.raises(UsageProblem, match="damaged"):
        Journal(tmp_path, BUCKETS)


def test_committed_changes_survive_a_crash(tmp_path: Path) -> None:
    journal = Journal(tmp_path, BUCKETS)
    journal.uploaded("a.png", 5, 100, "k1")
    journal.commit()
    journal.uploaded("b.png", 5, 100, "k2")
    journal._db.close()  # as if the process had been killed
    with Journal(tmp_path, BUCKETS) as journal:
        assert journal.waiting() == {"k1": None}


def test_a_full_disk_is_reported_with_the_path(tmp_path: Path) -> None:
    with Journal(tmp_path, BUCKETS) as journal:
        pages = journal._db.execute("PRAGMA page_count").fetchone()[0]
        journal._db.execute(f"PRAGMA max_page_count = {pages}")  # as if the disk were full
        with pytest.raises(UnwritableOutput, match=f"{tmp_path / FILE} cannot be written: database or disk is full"):
            journal.failed("a.png", 1, 1, "x" * 100_000)


def test_an_unwritable_journal_is_reported_with_its_path(tmp_path: Path) -> None:
    (tmp_path / FILE).mkdir()
    with pytest.raises(UnwritableOutput, match=f"{tmp_path / FILE} cannot be written: unable to open database file"):
        Journal(tmp_path, BUCKETS)
