import json
import time
from typing import Any

import pytest

from pneumonia.http.results import GRACE_SECONDS
from pneumonia.uploads import reader
from pneumonia.uploads.ids import new_id
from tests.conftest import RESULTS
from tests.unit.http.conftest import Ask

PNG = b"\x89PNG\r\n\x1a\n\x00\xff"
SOURCE = {"bucket": "uploads", "key": "api/x", "version_id": "v", "etag": "e", "sequencer": None}


@pytest.fixture
def s3(s3: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The buckets that the handler finds."""
    monkeypatch.setenv("RESULTS_BUCKET", RESULTS)
    return s3


@pytest.fixture
def upload_id() -> str:
    return new_id(time.time())


def store(s3: Any, upload_id: str, document: dict[str, Any], png: bytes | None = None) -> None:
    heatmap = {"bucket": RESULTS, "key": f"api/{upload_id}.heatmap.png"} if png else None
    body = json.dumps({**document, "source": SOURCE, "heatmap": heatmap}).encode()
    s3.put_object(Bucket=RESULTS, Key=f"api/{upload_id}.json", Body=body)
    if png:
        s3.put_object(Bucket=RESULTS, Key=f"api/{upload_id}.heatmap.png", Body=png)


def test_predicted(ask: Ask, s3: Any, upload_id: str) -> None:
    store(s3, upload_id, {"status": "predicted", "pneumonia": 0.9}, PNG)
    reply = ask("GET", f"/results/{upload_id}")
    assert (reply.status, reply.headers["cache-control"]) == (200, "no-store")
    heatmap = f"/results/{upload_id}/heatmap.png"
    assert reply.body == {"id": upload_id, "status": "predicted", "pneumonia": 0.9, "heatmap": heatmap}


def test_prevalence(ask: Ask, s3: Any, upload_id: str) -> None:
    store(s3, upload_id, {"status": "predicted", "pneumonia": 0.96, "calibrated_prevalence": 0.2})
    reply = ask("GET", f"/results/{upload_id}", query="prevalence=0.1")
    assert (reply.body["pneumonia"], reply.body["at_prevalence"]) == (
        0.96,
        {"prevalence": 0.1, "probability": 0.914286},
    )
    assert ask("GET", f"/results/{upload_id}", query="prevalence=0").status == 400


def test_prevalence_of_a_rejected_upload(ask: Ask, s3: Any, upload_id: str) -> None:
    store(s3, upload_id, {"status": "rejected", "code": "too_large"})
    assert "at_prevalence" not in ask("GET", f"/results/{upload_id}", query="prevalence=0.1").body


def test_names_of_buckets_and_keys_are_not_returned(ask: Ask, s3: Any, upload_id: str) -> None:
    store(s3, upload_id, {"status": "predicted"}, PNG)
    data = ask("GET", f"/results/{upload_id}").data
    assert not [name for name in (b"bucket", b"source", b"version_id", b"api/") if name in data]


def test_rejected(ask: Ask, s3: Any, upload_id: str) -> None:
    store(s3, upload_id, {"status": "rejected", "code": "too_large"})
    reply = ask("GET", f"/results/{upload_id}")
    assert (reply.status, reply.body["code"], reply.body["heatmap"]) == (200, "too_large", None)
    assert ask("GET", f"/results/{upload_id}/heatmap.png").status == 404


def test_heatmap(ask: Ask, s3: Any, upload_id: str) -> None:
    store(s3, upload_id, {"status": "predicted"}, PNG)
    reply = ask("GET", f"/results/{upload_id}/heatmap.png")
    assert (reply.status, reply.headers["content-type"], reply.data) == (200, "image/png", PNG)
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.usefixtures("s3")
def test_pending(ask: Ask, upload_id: str) -> None:
    reply = ask("GET", f"/results/{upload_id}")
    assert (reply.status, reply.body) == (202, {"id": upload_id, "status": "pending"})
    assert int(reply.headers["retry-after"]) == 2
    assert ask("GET", f"/results/{upload_id}/heatmap.png").status == 404


def test_a_result_is_returned_for_an_old_id(ask: Ask, s3: Any) -> None:
    upload_id = new_id(0)
    store(s3, upload_id, {"status": "predicted"})
    assert ask("GET", f"/results/{upload_id}").status == 200


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize(
    ("age", "status"), [(0, 202), (120 + GRACE_SECONDS - 30, 202), (120 + GRACE_SECONDS + 30, 404), (-3600, 404)]
)
def test_pending_lasts_as_long_as_the_upload_may_take(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, age: float, status: int
) -> None:
    monkeypatch.setenv("UPLOAD_EXPIRES_SECONDS", "120")
    assert ask("GET", f"/results/{new_id(time.time() - age)}").status == status


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize("name", ["jane-doe", "image.png", "..%2Ffilm", "00000000-" + "g" * 32, "%E2%82%AC"])
@pytest.mark.parametrize("tail", ["", "/heatmap.png"])
def test_an_invalid_id_is_unknown_and_not_looked_up(
    ask: Ask, monkeypatch: pytest.MonkeyPatch, name: str, tail: str
) -> None:
    for function in ("read_result", "read_heatmap"):
        monkeypatch.setattr(reader, function, lambda *_: pytest.fail("S3 was asked"))
    reply = ask("GET", f"/results/{name}{tail}")
    assert (reply.status, reply.body["code"]) == (404, "not_found")
    assert name not in reply.body["detail"]


def test_results_of_other_uploads_are_not_returned(ask: Ask, s3: Any) -> None:
    upload_id = new_id(0)
    s3.put_object(Bucket=RESULTS, Key=f"{upload_id}.json", Body=b"{}")
    assert ask("GET", f"/results/{upload_id}").status == 404


def test_without_a_bucket_there_are_no_results(ask: Ask, upload_id: str) -> None:
    assert ask("GET", f"/results/{upload_id}").status == 404
