import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from pneumonia import aws
from pneumonia.uploads.document import ResultDocument
from pneumonia.uploads.reader import read_heatmap, read_result
from pneumonia.uploads.results import Order
from tests.conftest import RESULTS


def test_existing_results_and_heatmaps_are_returned(s3: Any) -> None:
    document = {"status": "predicted", "schema_version": 1, "heatmap": {"key": "api/1.heatmap.png"}}
    s3.put_object(Bucket=RESULTS, Key="api/1.json", Body=json.dumps(document).encode())
    s3.put_object(Bucket=RESULTS, Key="api/1.heatmap.png", Body=b"\x89PNG")
    assert read_result(RESULTS, "api/1") == ResultDocument("predicted", {}, None, {}, {"key": "api/1.heatmap.png"}, 1)
    assert read_heatmap(RESULTS, "api/1") == b"\x89PNG"


@pytest.mark.parametrize("document", [b'{"status": "rejected", "heatmap": null}', None])
def test_a_heatmap_that_no_result_names_is_not_returned(s3: Any, document: bytes | None) -> None:
    if document is not None:
        s3.put_object(Bucket=RESULTS, Key="api/1.json", Body=document)
    s3.put_object(Bucket=RESULTS, Key="api/1.heatmap.png", Body=b"\x89PNG")
    assert read_heatmap(RESULTS, "api/1") is None


@pytest.mark.parametrize(("heatmap_of", "read"), [("v1", b"\x89PNG"), ("v2", None)])
def test_a_heatmap_whose_result_is_not_written_yet_is_not_returned(s3: Any, heatmap_of: str, read: Any) -> None:
    source = {"version_id": "v1", "sequencer": "0A"}
    document = {"status": "predicted", "heatmap": {"key": "api/1.heatmap.png"}, "source": source}
    order = Order("0A", datetime(2026, 1, 1, tzinfo=UTC), heatmap_of)
    s3.put_object(Bucket=RESULTS, Key="api/1.json", Body=json.dumps(document).encode())
    s3.put_object(Bucket=RESULTS, Key="api/1.heatmap.png", Body=b"\x89PNG", Metadata=order.to_metadata())
    assert read_heatmap(RESULTS, "api/1") == read


def test_missing_results(s3: Any) -> None:
    assert read_result(RESULTS, "api/1") is None
    assert read_heatmap(RESULTS, "api/1") is None


def test_a_missing_bucket_is_an_error(s3: Any) -> None:
    with pytest.raises(ClientError):
        read_result("another", "api/1")


@pytest.mark.parametrize(
    ("code", "status", "missing"), [("AccessDenied", 403, True), ("NoSuchKey", 404, True), ("SlowDown", 503, False)]
)
def test_s3_returns_forbidden_for_missing_objects_without_list_permission(
    aws_credentials: None, code: str, status: int, missing: bool
) -> None:
    with Stubber(aws.s3_for_callers()) as stub:
        stub.add_client_error("get_object", code, http_status_code=status)
        if missing:
            assert read_result(RESULTS, "api/1") is None
        else:
            with pytest.raises(ClientError):
                read_result(RESULTS, "api/1")
