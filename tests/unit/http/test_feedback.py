import json
import time
from typing import Any

import pytest

from pneumonia.uploads.feedback import REASONS, VERDICTS
from pneumonia.uploads.ids import new_id
from tests.conftest import RESULTS, UPLOADS
from tests.unit.http.conftest import Ask

STORED = {"status": "predicted", "pneumonia": 0.93, "triage": "likely_pneumonia", "model": {"version": "1"}}


@pytest.fixture
def s3(s3: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The buckets that the handler finds, with the setting on."""
    monkeypatch.setenv("RESULTS_BUCKET", RESULTS)
    monkeypatch.setenv("UPLOADS_BUCKET", UPLOADS)
    monkeypatch.setenv("FEEDBACK", "true")
    return s3


@pytest.fixture
def upload_id(s3: Any) -> str:
    """Return the id of an upload with a result."""
    name = new_id(time.time())
    s3.put_object(Bucket=RESULTS, Key=f"api/{name}.json", Body=json.dumps(STORED).encode())
    return name


def give(ask: Ask, **body: Any) -> Any:
    return ask("POST", "/feedback", body=json.dumps(body), content_type="application/json")


def test_it_is_stored_under_a_separate_prefix(ask: Ask, s3: Any, upload_id: str) -> None:
    reply = give(ask, id=upload_id, verdict="disagree", reason="no_pneumonia")
    assert (reply.status, reply.body["stored"]) == (200, True)
    stored = json.loads(s3.get_object(Bucket=RESULTS, Key=f"feedback/api/{upload_id}.json")["Body"].read())
    assert stored.pop("given_at").endswith("+00:00")
    assert stored == {
        "verdict": "disagree",
        "reason": "no_pneumonia",
        "judged": {**STORED, "code": None, "request_id": None},
        "source": {"bucket": UPLOADS, "key": f"api/{upload_id}"},
    }
    assert ask("GET", f"/results/{upload_id}").body["triage"] == "likely_pneumonia"


def test_later_feedback_replaces_earlier(ask: Ask, s3: Any, upload_id: str) -> None:
    give(ask, id=upload_id, verdict="disagree")
    give(ask, id=upload_id, verdict="agree")
    found = s3.list_objects_v2(Bucket=RESULTS, Prefix="feedback/")["Contents"]
    assert [entry["Key"] for entry in found] == [f"feedback/api/{upload_id}.json"]
    assert json.loads(s3.get_object(Bucket=RESULTS, Key=found[0]["Key"])["Body"].read())["verdict"] == "agree"


@pytest.mark.parametrize(
    "body", [{"id": None, "verdict": "agree"}, {"verdict": "cannot_tell", "reason": "more_needed"}]
)
def test_on_an_image_sent_directly_nothing_is_stored_and_the_response_says_so(
    ask: Ask, s3: Any, body: dict[str, Any]
) -> None:
    reply = give(ask, **body)
    assert (reply.status, reply.body["stored"]) == (200, False)
    assert "sent directly" in reply.body["detail"]
    assert "Contents" not in s3.list_objects_v2(Bucket=RESULTS)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"verdict": "jane"},
        {"verdict": "agree", "reason": "jane"},
        {"verdict": ["agree"]},
        {"verdict": "agree", "reason": ["jane"]},
        {"verdict": "agree", "comment": "jane"},
        {"verdict": "agree", "id": 7},
    ],
)
def test_there_is_no_free_text(ask: Ask, s3: Any, body: dict[str, Any]) -> None:
    reply = give(ask, **body)
    assert (reply.status, reply.body["code"]) == (400, "malformed_request")
    assert b"jane" not in reply.data


@pytest.mark.parametrize("name", ["../x", "jane", "00000000-083f0002d14cbd37e05fd19d54a87528"])
def test_without_a_result_there_is_nothing_to_judge(ask: Ask, s3: Any, name: str) -> None:
    assert give(ask, id=name, verdict="agree").status == 404
    assert "Contents" not in s3.list_objects_v2(Bucket=RESULTS)


def test_it_is_off_by_default(ask: Ask, s3: Any, upload_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FEEDBACK")
    reply = give(ask, id=upload_id, verdict="agree")
    assert (reply.status, reply.body["code"]) == (404, "not_found")
    assert "setting feedback" in reply.body["detail"]
    assert ask("GET", "/config").body["feedback"] is None


def test_config_lists_verdicts_and_reasons(ask: Ask, s3: Any) -> None:
    assert ask("GET", "/config").body["feedback"] == {"verdicts": list(VERDICTS), "reasons": REASONS}


def test_the_log_has_neither_the_feedback_nor_the_upload(
    ask: Ask, s3: Any, upload_id: str, caplog: pytest.LogCaptureFixture
) -> None:
    give(ask, id=upload_id, verdict="disagree", reason="no_pneumonia")
    text = "".join(str(vars(record)) for record in caplog.records)
    assert "feedback stored" in text
    assert not [word for word in (upload_id, "disagree", "no_pneumonia") if word in text]
