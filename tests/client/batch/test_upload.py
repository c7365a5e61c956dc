import os
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from pneumonia.uploads.correlation import carried, of_batch_key
from pneumonia_cli.client.batch.journal import Journal
from pneumonia_cli.client.batch.upload import Sent, Uploader, put_once
from pneumonia_cli.client.errors import CredentialsError, ServiceError
from pneumonia_cli.client.files import find
from pneumonia_cli.reporting.images import ImageFile
from tests.conftest import UPLOADS, MakeFilms


def versions(s3: Any) -> list[str]:
    return [version["Key"] for version in s3.list_object_versions(Bucket=UPLOADS).get("Versions", [])]


def upload(s3: Any, journal: Journal, folder: Path, max_bytes: int = 10_000) -> tuple[list[Sent], int]:
    """Upload a folder, and return the outcomes and the number of created objects."""
    done: list[Sent] = []
    with ThreadPoolExecutor(2) as pool:
        uploader = Uploader(s3, UPLOADS, journal, pool, max_bytes=max_bytes, at_once=3)
        uploader.begin(find([str(folder)]))
        while uploader.busy:
            done += uploader.step(1.0, room=100)
    return done, uploader.uploaded


def test_put_once(s3: Any) -> None:
    assert put_once(s3, UPLOADS, "batch/k", b"film", "image/png")
    assert not put_once(s3, UPLOADS, "batch/k", b"other", "image/png")
    found = s3.get_object(Bucket=UPLOADS, Key="batch/k")
    assert (found["Body"].read(), found["ContentType"]) == (b"film", "image/png")
    assert carried(found["Metadata"]) == of_batch_key("batch/k")


def test_every_image_once_and_equal_ones_together(s3: Any, make_films: MakeFilms, tmp_path: Path) -> None:
    folder = make_films({"a.png": 1, "ward/b.png": 2, "same.png": 1, **{f"{n}.png": n for n in range(10, 20)}})
    with Journal(tmp_path / "out", {}) as journal:
        done, created = upload(s3, journal, folder)
        assert len(done) == 13
        assert created == len(versions(s3)) == 12
        assert set(versions(s3)) == set(journal.waiting())
        assert not any("a.png" in key or "ward" in key for key in versions(s3))


def test_uploaded_files_are_not_opened_again(s3: Any, make_films: MakeFilms, tmp_path: Path) -> None:
    folder = make_films({"a.png": 1, "b.png": 2})
    with Journal(tmp_path / "out", {}) as journal:
        upload(s3, journal, folder)
        for entry in folder.iterdir():
            stat = entry.stat()
            entry.write_bytes(b"\0" * stat.st_size)  # the change is not noticed, because the file is not read
            os.utime(entry, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        done, created = upload(s3, journal, folder)
    assert (len(done), created, len(versions(s3))) == (2, 0, 2)


def test_after_a_crash_before_the_journal_was_written(s3: Any, make_films: MakeFilms, tmp_path: Path) -> None:
    folder = make_films({"a.png": 1, "b.png": 2})
    journal = Journal(tmp_path / "out", {})
    upload(s3, journal, folder)
    journal._db.close()  # as if the process had been killed before a commit
    with Journal(tmp_path / "out", {}) as journal:
        assert journal.counts().total() == 0
        done, created = upload(s3, journal, folder)
        assert (len(done), created, len(versions(s3))) == (2, 0, 2)
        assert set(journal.waiting()) == set(versions(s3))


def test_files_that_the_service_would_refuse_are_not_uploaded(s3: Any, make_films: MakeFilms, tmp_path: Path) -> None:
    folder = make_films({"letter.txt": b"Dear Mrs. Miller", "empty.png": b"", "large.png": b"\x89PNG\r\n\x1a\n" * 99})
    with Journal(tmp_path / "out", {}) as journal:
        upload(s3, journal, folder, max_bytes=500)
        found = {entry.name: entry.result["code"] for entry in journal.entries("rejected") if entry.result}
    assert found == {"letter.txt": "unsupported_format", "empty.png": "missing_image", "large.png": "too_large"}
    assert versions(s3) == []


def test_a_file_that_is_gone(s3: Any, tmp_path: Path) -> None:
    with Journal(tmp_path / "out", {}) as journal, ThreadPoolExecutor(1) as pool:
        uploader = Uploader(s3, UPLOADS, journal, pool, max_bytes=9, at_once=1)
        uploader.begin([ImageFile(tmp_path / "gone.png", "gone.png")])
        while uploader.busy:
            uploader.step(1.0, room=100)
        assert [entry.result["code"] for entry in journal.entries() if entry.result] == ["unreadable_file"]


def test_no_permission_ends_it(s3: Any, make_films: MakeFilms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(**_arguments: Any) -> Any:
        response = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        raise ClientError(response, "PutObject")  # type: ignore[arg-type] # as much of it as is read

    monkeypatch.setattr(s3, "put_object", refuse)
    with Journal(tmp_path / "out", {}) as journal, pytest.raises(CredentialsError, match="PutObject"):
        upload(s3, journal, make_films({"a.png": 1}))


def test_a_network_failure_for_one_image_does_not_stop_the_run(
    s3: Any, make_films: MakeFilms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, calls = s3.put_object, []

    def fail_first(**arguments: Any) -> Any:
        calls.append(arguments["Key"])
        if len(calls) == 1:
            raise EndpointConnectionError(endpoint_url="https://s3")
        return put(**arguments)

    folder = make_films({"a.png": 1, "b.png": 2})
    with Journal(tmp_path / "out", {}) as journal:
        with monkeypatch.context() as patch:
            patch.setattr(s3, "put_object", fail_first)
            upload(s3, journal, folder)
        assert journal.counts() == {"failed": 1, "waiting": 1}
        upload(s3, journal, folder)
        assert journal.counts() == {"waiting": 2}


def test_repeated_network_failures_stop_the_run(
    s3: Any, make_films: MakeFilms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**_arguments: Any) -> Any:
        raise EndpointConnectionError(endpoint_url="https://s3")

    monkeypatch.setattr(s3, "put_object", fail)
    folder = make_films({f"{n}.png": n for n in range(40)})
    with Journal(tmp_path / "out", {}) as journal, pytest.raises(ServiceError, match="20 uploads in a row"):
        upload(s3, journal, folder)


def test_uploads_that_run_when_the_command_stops_are_recorded(
    s3: Any, make_films: MakeFilms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The upload is in the bucket, and counts as uploaded when the run stops."""
    go, put = threading.Event(), s3.put_object

    def slowly(**arguments: Any) -> Any:
        assert go.wait(120)
        return put(**arguments)

    monkeypatch.setattr(s3, "put_object", slowly)
    with Journal(tmp_path / "out", {}) as journal:
        with ThreadPoolExecutor(2) as pool:
            uploader = Uploader(s3, UPLOADS, journal, pool, max_bytes=10_000, at_once=2)
            uploader.begin(find([str(make_films({"a.png": 1, "b.png": 2, "c.png": 3}))]))
            assert uploader.step(0.0, room=100) == []
            go.set()
        uploader.settle()
        assert journal.counts() == {"waiting": 2}
        assert set(journal.waiting()) == set(versions(s3))
