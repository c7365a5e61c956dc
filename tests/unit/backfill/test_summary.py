import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from pneumonia.backfill.summary import ManifestUnreadable, summarise
from pneumonia.backfill.tally import Tally
from pneumonia.uploads.document import ResultDocument
from tests.conftest import RESULTS

FOLDER = "backfill-runs/march/5f1e4a0e"
NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
RUN = {"execution": "march", "started": "2026-11-25T10:00:00Z", "given": {"bucket": "archive", "prefix": "images/"}}


def counts(predicted: int, failed: int = 0) -> dict[str, Any]:
    tally = Tally()
    for _ in range(predicted):
        tally.result(ResultDocument("predicted", {"label": "normal", "triage": "likely_normal"}, None, {}))
    for _ in range(failed):
        tally.failure("processing_failed")
    return tally.to_json()


def child(items: int, error: str | None = None) -> dict[str, Any]:
    given = json.dumps({"BatchInput": {}, "Items": [{"Key": "a"}] * items})
    return {"Input": given, "Status": "FAILED", **({"Error": error, "Cause": "x"} if error else {})}


Write = Callable[..., None]


@pytest.fixture
def write(s3: Any) -> Write:
    """Writes the files of a map run: write(SUCCEEDED=[[line, ...], ...]), one list for each file."""

    def put(**statuses: list[list[Any]]) -> None:
        files: dict[str, list[dict[str, str]]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
        for status, contents in statuses.items():
            for number, lines in enumerate(contents):
                key = f"{FOLDER}/{status}_{number}.json"
                body = "".join(f"{json.dumps(line)}\n" for line in lines)
                s3.put_object(Bucket=RESULTS, Key=key, Body=body.encode())
                files[status].append({"Key": key})
        manifest = json.dumps({"DestinationBucket": RESULTS, "ResultFiles": files})
        s3.put_object(Bucket=RESULTS, Key=f"{FOLDER}/manifest.json", Body=manifest.encode())

    return put


def test_several_files_add_up(s3: Any, write: Write) -> None:
    write(SUCCEEDED=[[counts(3), counts(2)], [counts(4, failed=1)]])
    found = summarise(s3, RESULTS, RUN, 10, NOW)
    assert (found["counts"]["items"], found["counts"]["predicted"], found["counts"]["failed"]) == (10, 9, 1)
    assert (found["without_prediction_percent"], found["acceptable"], found["unfinished"]) == (10.0, True, {})
    assert (found["started"], found["finished"]) == ("2026-11-25T10:00:00Z", "2026-11-25T12:00:00+00:00")
    assert found["source"] == {"bucket": "archive", "prefix": "images/", "inventory": None}
    assert found["manifest"] == {"bucket": RESULTS, "key": f"{FOLDER}/manifest.json"}
    stored = s3.get_object(Bucket=RESULTS, Key="backfill-runs/march/summary.json")
    assert stored["ContentType"] == "application/json"
    with stored["Body"] as body:
        assert json.loads(body.read()) == found


def test_failed_and_pending_batches_count_by_their_images(s3: Any, write: Write) -> None:
    write(SUCCEEDED=[[counts(10)]], FAILED=[[child(5, "BatchIncomplete"), child(3, "OutOfTime")]], PENDING=[[child(2)]])
    found = summarise(s3, RESULTS, RUN, 50, NOW)
    assert found["unfinished"] == {"failed": 8, "pending": 2}
    assert found["batch_errors"] == {"BatchIncomplete": 1, "OutOfTime": 1, "PENDING": 1}
    assert (found["without_prediction_percent"], found["acceptable"]) == (50.0, True)


@pytest.mark.parametrize(("tolerated", "acceptable"), [(9, False), (10, True), (100, True)])
def test_tolerated_failures(s3: Any, write: Write, tolerated: int, acceptable: bool) -> None:
    write(SUCCEEDED=[[counts(9, failed=1)]])
    assert summarise(s3, RESULTS, RUN, tolerated, NOW)["acceptable"] is acceptable


def test_a_run_that_ended_in_an_error_is_not_acceptable(s3: Any, write: Write) -> None:
    write(SUCCEEDED=[[counts(9)]])
    given = {**RUN["given"], "error": {"Error": "States.Timeout", "Cause": "x"}}  # type: ignore[dict-item]
    found = summarise(s3, RESULTS, {**RUN, "given": given}, 100, NOW)
    assert (found["acceptable"], found["error"]) == (False, "States.Timeout")


def test_without_a_manifest(s3: Any) -> None:
    found = summarise(s3, RESULTS, RUN, 5, NOW)
    assert (found["counts"]["items"], found["manifest"], found["without_prediction_percent"]) == (0, None, 0.0)


@pytest.mark.parametrize(
    "statuses",
    [
        {"SUCCEEDED": [[{"Output": "Jane"}]]},
        {"SUCCEEDED": [["Jane"]]},
        {"FAILED": [[{"Error": "Jane"}]]},
        {"FAILED": [[{"Input": "Jane"}]]},
    ],
)
def test_invalid_files_are_reported_without_quoting_them(s3: Any, write: Write, statuses: dict[str, Any]) -> None:
    write(**statuses)
    with pytest.raises(ManifestUnreadable) as caught:
        summarise(s3, RESULTS, RUN, 5, NOW)
    assert "Jane" not in str(caught.value)


def test_an_invalid_manifest(s3: Any) -> None:
    s3.put_object(Bucket=RESULTS, Key=f"{FOLDER}/manifest.json", Body=b"{}")
    with pytest.raises(ManifestUnreadable):
        summarise(s3, RESULTS, RUN, 5, NOW)
