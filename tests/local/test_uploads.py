from pathlib import Path

import pytest

from pneumonia_cli.local import poller as poller_module
from pneumonia_cli.local.cloud import Cloud
from pneumonia_cli.local.names import RESULT_BUCKET, UPLOAD_BUCKET
from pneumonia_cli.local.poller import Poller
from pneumonia_cli.local.uploads import collect, upload
from pneumonia_cli.reporting.images import ImageFile, find_images
from tests.conftest import MakeFilms

PATIENCE = 60


def nothing() -> None:
    pass


def test_every_upload_gets_its_result(cloud: Cloud, poller: Poller, make_films: MakeFilms) -> None:
    images = find_images([str(make_films({"a.png": 250, "b c/ü+%.png": 5, "notes.txt": b"no image", "void": b""}))])
    steps: list[int] = []
    assert upload(cloud, images, lambda: steps.append(1)) == {}
    with poller.running():
        outcomes = collect(cloud, images, PATIENCE, lambda: steps.append(1))
    assert len(steps) == 2 * len(images)
    assert [outcome.image for outcome in outcomes] == images
    found = {outcome.image.name: outcome for outcome in outcomes}
    assert found["a.png"].probability > 0.9
    assert found["b c/ü+%.png"].probability < 0.1
    assert (found["a.png"].heatmap_png or b"").startswith(b"\x89PNG")
    rejected = found["notes.txt"].result
    assert rejected is not None
    assert (rejected["status"], rejected["code"]) == ("rejected", "unsupported_format")
    assert found["notes.txt"].heatmap_png is None
    assert found["void"].status == "rejected"


@pytest.mark.slow
def test_many_results_take_several_pages(cloud: Cloud, make_films: MakeFilms) -> None:
    (image,) = find_images([str(make_films({"z.png": 9}))])
    for number in range(1001):
        cloud.s3.put_object(Bucket=RESULT_BUCKET, Key=f"other-{number}.json", Body=b"{}")
    cloud.s3.put_object(Bucket=RESULT_BUCKET, Key="z.png.json", Body=b'{"status": "rejected"}')
    (outcome,) = collect(cloud, [image], PATIENCE, nothing)
    assert outcome.status == "rejected"


def test_without_a_worker_results_are_missing(cloud: Cloud, make_films: MakeFilms) -> None:
    images = find_images([str(make_films({"a.png": 1}))])
    upload(cloud, images, nothing)
    (outcome,) = collect(cloud, images, 0.1, nothing)
    assert outcome.status == "missing"
    assert "No new result" in (outcome.missing or "")


def test_a_worker_that_fails_means_missing_as_soon_as_it_is_sure(
    cloud: Cloud, poller: Poller, make_films: MakeFilms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(poller_module, "RETRY_SECONDS", 0)
    images = find_images([str(make_films({"a.png": 1, "b.png": 2}))])
    cloud.s3.delete_bucket(Bucket=RESULT_BUCKET)
    upload(cloud, images, nothing)
    for _ in range(4):
        while poller.poll():
            pass
    cloud.s3.create_bucket(Bucket=RESULT_BUCKET)
    outcomes = collect(cloud, images, PATIENCE, nothing)
    assert {outcome.status for outcome in outcomes} == {"missing"}
    assert "dead-letter queue" in (outcomes[0].missing or "")


def test_an_unreadable_file_is_reported(cloud: Cloud, tmp_path: Path) -> None:
    image = ImageFile(tmp_path / "gone.png", "gone.png")
    assert upload(cloud, [image], nothing) == {image: "The file could not be read: No such file or directory."}


def test_a_failed_upload_is_reported(cloud: Cloud, make_films: MakeFilms) -> None:
    images = find_images([str(make_films({"a.png": 1}))])
    cloud.s3.delete_bucket(Bucket=UPLOAD_BUCKET)
    assert "NoSuchBucket" in upload(cloud, images, nothing)[images[0]]
