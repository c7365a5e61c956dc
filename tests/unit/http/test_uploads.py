import base64
import json
import sys

import pytest

from pneumonia.http import uploads
from pneumonia.http.uploads import CONTENT_TYPES
from pneumonia.uploads import correlation
from pneumonia.uploads.events import parse_message
from pneumonia.uploads.ids import is_id, upload_key
from tests.conftest import LoadEvent
from tests.unit.http.conftest import Ask

PNG = json.dumps({"content_type": "image/png"})


@pytest.fixture
def _buckets(monkeypatch: pytest.MonkeyPatch, aws_credentials: None) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("UPLOADS_BUCKET", "uploads")
    monkeypatch.setenv("RESULTS_BUCKET", "results")


@pytest.mark.usefixtures("_buckets")
class TestCreate:
    def test_response(self, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MAX_IMAGE_BYTES", "5000")
        monkeypatch.setenv("UPLOAD_EXPIRES_SECONDS", "120")
        reply = ask("POST", "/uploads", body=PNG, content_type="application/json")
        assert (reply.status, reply.headers["cache-control"]) == (201, "no-store")
        body = reply.body
        assert is_id(body["id"])
        assert reply.headers["location"] == body["result"] == f"/results/{body['id']}"
        assert (body["expires_in"], body["max_bytes"]) == (120, 5000)
        assert body["upload"]["url"] == "https://uploads.s3.eu-central-1.amazonaws.com/"
        fields = body["upload"]["fields"]
        assert (fields["key"], fields["Content-Type"]) == (f"api/{body['id']}", "image/png")
        conditions = json.loads(base64.b64decode(fields["policy"]))["conditions"]
        assert ["content-length-range", 1, 5000] in conditions

    @pytest.mark.parametrize("content_type", CONTENT_TYPES)
    def test_every_content_type_is_accepted(self, ask: Ask, content_type: str) -> None:
        reply = ask("POST", "/uploads", body=json.dumps({"content_type": content_type}))
        assert reply.body["upload"]["fields"]["Content-Type"] == content_type

    @pytest.mark.parametrize(("force", "stored"), [(True, "true"), (False, None)])
    def test_force_becomes_metadata_that_the_upload_must_carry(self, ask: Ask, force: bool, stored: str | None) -> None:
        reply = ask("POST", "/uploads", body=json.dumps({"content_type": "image/png", "force": force}))
        fields = reply.body["upload"]["fields"]
        assert fields.get("x-amz-meta-force") == stored
        conditions = json.loads(base64.b64decode(fields["policy"]))["conditions"]
        assert ({"x-amz-meta-force": "true"} in conditions) is force

    def test_correlation_id_is_the_workers_and_does_not_reveal_the_id(
        self, ask: Ask, load_event: LoadEvent, capsys: pytest.CaptureFixture[str]
    ) -> None:
        previous = uploads.logger.registered_handler.setStream(sys.stdout)  # type: ignore[attr-defined]
        body = ask("POST", "/uploads", body=PNG).body
        uploads.logger.registered_handler.setStream(previous)  # type: ignore[attr-defined]
        message = json.loads(load_event("sqs_s3_put_versioned")["Records"][0]["body"])
        message["Records"][0]["s3"]["object"]["key"] = upload_key(body["id"])
        (upload,) = parse_message(json.dumps(message))
        assert body["correlation_id"] == correlation.derived(upload)
        written = capsys.readouterr().out
        (entry,) = [json.loads(line) for line in written.splitlines() if "upload permitted" in line]
        assert entry["correlation_id"] == body["correlation_id"]
        assert entry["function_request_id"] != body["correlation_id"]
        assert body["id"] not in written

    def test_json_that_lambda_encoded_as_bytes(self, ask: Ask) -> None:
        assert ask("POST", "/uploads", body=PNG.encode(), content_type="application/octet-stream").status == 201

    def test_the_file_name_is_not_stored(self, ask: Ask) -> None:
        body = json.dumps({"content_type": "image/png", "filename": "jane-doe.png", "key": "../x", "id": "x"})
        reply = ask("POST", "/uploads", body=body)
        assert reply.status == 201
        policy = base64.b64decode(reply.body["upload"]["fields"]["policy"])
        assert b"jane" not in reply.data + policy
        assert is_id(reply.body["id"])

    def test_each_upload_gets_a_separate_key(self, ask: Ask) -> None:
        assert len({ask("POST", "/uploads", body=PNG).body["id"] for _ in range(20)}) == 20

    @pytest.mark.parametrize(
        ("body", "status", "code"),
        [
            (None, 400, "malformed_request"),
            ("{", 400, "malformed_request"),
            ("[]", 400, "malformed_request"),
            ("{}", 415, "unsupported_format"),
            ('{"content_type": null}', 415, "unsupported_format"),
            ('{"content_type": ["image/png"]}', 415, "unsupported_format"),
            ('{"content_type": "text/html"}', 415, "unsupported_format"),
            ('{"content_type": "image/png; charset=x"}', 415, "unsupported_format"),
        ],
    )
    def test_refused(self, ask: Ask, body: str | None, status: int, code: str) -> None:
        reply = ask("POST", "/uploads", body=body)
        assert (reply.status, reply.body["code"]) == (status, code)


def test_without_buckets_there_are_no_uploads(ask: Ask) -> None:
    reply = ask("POST", "/uploads", body=PNG)
    assert (reply.status, reply.body["code"]) == (404, "not_found")
