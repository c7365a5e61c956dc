import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pneumonia.errors import TooSmall
from pneumonia.model.card import Card
from pneumonia.uploads.document import ResultDocument
from pneumonia.uploads.events import Upload

UPLOAD = Upload("uploads", "kläger.png", "v1", "etag", "0A", datetime(2026, 1, 1, tzinfo=UTC), 10)
CORRELATION_ID = "7d444840-9dc0-11d1-b245-5ffdce74fad2"


@pytest.fixture
def predicted() -> ResultDocument:
    document = ResultDocument.predicted(UPLOAD, CORRELATION_ID, {"pneumonia": 0.5, "request_id": "r"})
    return document.with_heatmap("results", "kläger.png.heatmap.png")


@pytest.fixture
def rejected(artifacts: Path) -> ResultDocument:
    return ResultDocument.rejected(UPLOAD, CORRELATION_ID, TooSmall("Too small."), "r", Card.load(artifacts))


def test_the_fields_of_a_prediction_and_their_order(predicted: ResultDocument) -> None:
    assert list(json.loads(predicted.to_bytes()).items()) == [
        ("status", "predicted"),
        ("schema_version", 1),
        ("pneumonia", 0.5),
        ("request_id", "r"),
        ("correlation_id", CORRELATION_ID),
        (
            "source",
            {"bucket": "uploads", "key": "kläger.png", "version_id": "v1", "etag": "etag", "sequencer": "0A"},
        ),
        ("heatmap", {"bucket": "results", "key": "kläger.png.heatmap.png"}),
    ]
    assert "kläger".encode() in predicted.to_bytes()  # not escaped


def test_the_fields_of_a_rejection_and_their_order(rejected: ResultDocument) -> None:
    fields = json.loads(rejected.to_bytes())
    assert list(fields) == [
        "status", "schema_version", "code", "title", "detail", "request_id", "model", "notice", "correlation_id",
        "source", "heatmap",
    ]  # fmt: skip
    assert (fields["status"], fields["code"], fields["detail"]) == ("rejected", "too_small", "Too small.")
    assert fields["heatmap"] is None


def test_stored_documents_are_read_unchanged(predicted: ResultDocument, rejected: ResultDocument) -> None:
    for document in (predicted, rejected):
        again = ResultDocument.parse(document.to_bytes())
        assert again == document
        assert again.to_bytes() == document.to_bytes()


def test_callers_get_paths_instead_of_buckets_and_keys(predicted: ResultDocument, rejected: ResultDocument) -> None:
    assert predicted.for_caller("id") == {
        "id": "id",
        "status": "predicted",
        "schema_version": 1,
        "pneumonia": 0.5,
        "request_id": "r",
        "correlation_id": CORRELATION_ID,
        "heatmap": "/results/id/heatmap.png",
    }
    assert rejected.for_caller("id")["heatmap"] is None


def test_a_result_without_correlation_id_and_schema_version() -> None:
    old = ResultDocument.parse(b'{"status": "predicted", "pneumonia": 0.5, "source": {}, "heatmap": null}')
    assert (old.correlation_id, old.schema_version) == (None, None)
    assert old.for_caller("id") == {"id": "id", "status": "predicted", "pneumonia": 0.5, "heatmap": None}
