"""The API as callers use it: over HTTP, against the local cloud, in each mode of access."""

import base64
import contextlib
import gzip
import hashlib
import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest
import requests

from pneumonia.handlers import api
from pneumonia.http import auth
from pneumonia.http.service import MAX_DIRECT_BYTES
from pneumonia.uploads.ids import new_id
from pneumonia_cli.local import functions
from pneumonia_cli.local.names import RESULT_BUCKET, TOKEN_SECRET, UPLOAD_BUCKET
from tests.conftest import ImageBytes, LoadEvent
from tests.integration.doors import Door, OpenDoor, post_form, send

PUBLIC = {
    ("GET", path) for path in ("/", "/page/{name}", "/docs", "/model-card", "/openapi.json", "/config", "/health")
}


def ticket_for(door: Door, content_type: str = "image/png") -> Any:
    reply = door.ask("POST", "/uploads", json.dumps({"content_type": content_type}).encode())
    assert reply.status == 201
    return reply.body


class TestUpload:
    def test_an_upload_gets_a_result_and_a_heatmap(self, door: Door, image_bytes: ImageBytes) -> None:
        ticket = ticket_for(door)
        pending = door.ask("GET", ticket["result"])
        assert (pending.status, pending.body["status"]) == (202, "pending")
        assert int(pending.headers["Retry-After"]) > 0
        assert post_form(**ticket["upload"], data=image_bytes(grey=255, size=(300, 200))).status == 204
        door.deliver()
        reply = door.ask("GET", ticket["result"])
        assert reply.status == 200
        assert (reply.body["id"], reply.body["status"]) == (ticket["id"], "predicted")
        assert (reply.body["label"], reply.body["image"]["width"]) == ("pneumonia", 300)
        assert "source" not in reply.body
        assert UPLOAD_BUCKET.encode() not in reply.data
        assert RESULT_BUCKET.encode() not in reply.data
        heatmap = door.ask("GET", reply.body["heatmap"])
        assert (heatmap.status, heatmap.headers["Content-Type"]) == (200, "image/png")
        assert heatmap.data.startswith(b"\x89PNG")

    def test_the_result_equals_that_of_a_direct_request(self, door: Door, image_bytes: ImageBytes) -> None:
        data = image_bytes(grey=140)
        direct = door.ask("POST", "/predict", data, Content_Type="image/png").body
        ticket = ticket_for(door)
        post_form(**ticket["upload"], data=data)
        door.deliver()
        result = door.ask("GET", ticket["result"]).body
        for name in ("normal", "pneumonia", "label", "triage", "threshold", "model", "image", "notice"):
            assert result[name] == direct[name], name

    def test_an_image_too_large_for_the_function_is_predicted(self, door: Door, image_bytes: ImageBytes) -> None:
        data = image_bytes(grey=255) + bytes(7_000_000)  # decoders stop at the end of the image
        assert len(data) > MAX_DIRECT_BYTES
        assert door.ask("POST", "/predict", data, Content_Type="image/png").status == 413
        ticket = ticket_for(door)
        post_form(**ticket["upload"], data=data)
        door.deliver()
        assert door.ask("GET", ticket["result"]).body["status"] == "predicted"

    @pytest.mark.slow
    def test_the_worker_checks_the_size_again(self, door: Door, image_bytes: ImageBytes) -> None:
        """S3 refuses files above the limit in the policy. The local S3 ignores the policy, so the worker gets it."""
        ticket = ticket_for(door)
        too_much = image_bytes() + bytes(ticket["max_bytes"])
        assert post_form(**ticket["upload"], data=too_much).status == 204
        door.deliver()
        result = door.ask("GET", ticket["result"]).body
        assert (result["status"], result["code"], result["heatmap"]) == ("rejected", "too_large", None)
        assert door.cloud.dead_letters() == 0

    def test_a_file_that_is_not_an_image_has_a_result(self, door: Door) -> None:
        ticket = ticket_for(door, "application/octet-stream")
        post_form(**ticket["upload"], data=b"%PDF-1.7")
        door.deliver()
        result = door.ask("GET", ticket["result"]).body
        assert (result["status"], result["code"]) == ("rejected", "unsupported_format")
        assert door.ask("GET", f"{ticket['result']}/heatmap.png").status == 404

    def test_an_upload_is_stored_only_under_its_id(self, door: Door, image_bytes: ImageBytes) -> None:
        ticket = ticket_for(door)
        post_form(**ticket["upload"], data=image_bytes())
        listing = door.cloud.s3.list_objects_v2(Bucket=UPLOAD_BUCKET)["Contents"]
        assert [entry["Key"] for entry in listing] == [f"api/{ticket['id']}"]

    def test_an_old_id_without_an_upload_is_unknown(self, door: Door) -> None:
        assert door.ask("GET", f"/results/{new_id(0)}").status == 404


class TestClients:
    """Real clients that send an image."""

    def test_requests(self, door: Door, image_bytes: ImageBytes) -> None:
        data, url = image_bytes(grey=255), f"{door.url}/predict"
        plain = requests.post(url, data=data, timeout=60).json()["pneumonia"]
        packed = {"Content-Encoding": "gzip", "Content-Type": "image/png"}
        for reply in (
            requests.post(url, files={"file": ("fülm.png", data)}, timeout=60),
            requests.post(url, files={"image": io.BytesIO(data)}, data={"note": "x"}, timeout=60),
            # A header set by hand has no boundary.
            requests.post(url, files={"file": data}, headers={"Content-Type": "multipart/form-data"}, timeout=60),
            requests.post(url, data=gzip.compress(data), headers=packed, timeout=60),
            requests.post(url, json={"image": base64.b64encode(data).decode()}, timeout=60),
        ):
            assert (reply.status_code, reply.json().get("pneumonia")) == (200, plain), reply.text
        text = "\ufeff" + json.dumps({"image": base64.b64encode(data).decode()})  # as PowerShell writes it
        reply = requests.post(url, text.encode(), headers={"Content-Type": "application/json"}, timeout=60)
        assert (reply.status_code, reply.json().get("pneumonia")) == (200, plain)
        near = requests.post(url, data=data, params={"heatmp": "true"}, timeout=60)
        assert (near.status_code, "the parameter heatmp" in near.json()["detail"]) == (400, True)
        assert requests.options(url, timeout=60).headers["Allow"] == "OPTIONS, POST"
        two = requests.post(url, files={"a": data, "b": data}, timeout=60)
        assert (two.status_code, two.json()["code"]) == (400, "malformed_request")
        pairs = requests.post(url, data={"image": base64.b64encode(data).decode()}, timeout=60)
        assert (pairs.status_code, "only the field image" in pairs.json()["detail"]) == (400, True)

    def test_head(self, door: Door) -> None:
        for path in ("/", "/health", "/model"):
            get, head = (requests.request(method, door.url + path, timeout=60) for method in ("GET", "HEAD"))
            assert (head.status_code, head.content) == (200, b"")
            assert {name: head.headers[name] for name in head.headers if name != "Date"} == {
                name: get.headers[name] for name in get.headers if name not in ("Date", "Content-Length")
            }

    def test_curl(self, door: Door, image_bytes: ImageBytes, tmp_path: Path) -> None:
        if not (curl := shutil.which("curl")):
            pytest.skip("there is no curl")
        (tmp_path / "image.png").write_bytes(image_bytes(grey=255))
        (tmp_path / "image.png.gz").write_bytes(gzip.compress(image_bytes(grey=255)))

        def ask(*arguments: str) -> Any:
            command = [curl, "--silent", *arguments, f"{door.url}/predict"]
            return json.loads(subprocess.run(command, check=True, capture_output=True, cwd=tmp_path, timeout=60).stdout)

        for arguments in (
            ("-F", "file=@image.png"),
            ("-F", "file=@image.png", "-F", "note=x"),
            ("--data-binary", "@image.png"),
            ("--data-binary", "@image.png.gz", "-H", "Content-Encoding: gzip"),
        ):
            assert ask(*arguments).get("label") == "pneumonia", arguments
        assert "only the field image" in ask("-F", "image=iVBORw0KGgo=")["detail"]
        assert "only the field image" in ask("-d", "image=iVBORw0KGgo=")["detail"]
        assert "has 2 files" in ask("-F", "a=@image.png", "-F", "b=@image.png")["detail"]


def request_for(route: Any, image: bytes) -> tuple[str, bytes | None]:
    """Return a path and a body that the route accepts."""
    path = route.path.format(name="index.html", upload_id=new_id(2**31), study="1.2.3")
    body = json.dumps({"content_type": "image/png"}).encode() if route.path == "/uploads" else image
    return path, body if route.method == "POST" else None


def answers_of(path: str) -> set[int]:
    """Return the expected statuses of the requests of `request_for` with valid credentials."""
    if path.startswith("/studies"):
        return {415}  # an image is not an instance
    return {404} if "results" in path or path == "/feedback" else {200, 201}


WRONG = {
    "nothing": None,
    "another scheme": "Basic {token}",
    "no scheme": "{token}",
    "a wrong token": "Bearer 0123456789abcdef0123456789abcdef",
    "a part of the token": "Bearer {token:.47}",
    "more than the token": "Bearer {token}0",
    "two tokens": "Bearer {token}, Bearer {token}",
    "a signature": "AWS4-HMAC-SHA256 Credential={token}/20261122/eu-central-1/lambda/aws4_request",
}


class TestToken:
    @pytest.fixture
    def guarded(self, open_door: OpenDoor) -> Iterator[Door]:
        with open_door("token") as opened:
            yield opened

    def test_public_routes_are_these(self) -> None:
        assert {(route.method, route.path) for route in api.ROUTES if route.public} == PUBLIC

    def test_every_route_refuses_callers_without_a_token(self, guarded: Door, image_bytes: ImageBytes) -> None:
        assert guarded.token
        for route in api.ROUTES:
            path, body = request_for(route, image_bytes())
            for why, header in WRONG.items():
                given = {} if header is None else {"Authorization": header.format(token=guarded.token)}
                reply = guarded.ask(route.method, path, body, **given)
                where = f"{route.method} {route.path} with {why}"
                if (route.method, route.path) in PUBLIC:
                    assert reply.status == 200, where
                    continue
                assert (reply.status, reply.body["code"]) == (401, "unauthorized"), where
                assert reply.headers["Content-Type"] == "application/problem+json", where
                assert reply.headers["WWW-Authenticate"] == "Bearer", where
                assert set(reply.body) == {"type", "title", "status", "detail", "code", "request_id", "help"}, where
                assert guarded.token.encode() not in reply.data, where

    def test_every_route_accepts_callers_with_a_token(self, guarded: Door, image_bytes: ImageBytes) -> None:
        for route in api.ROUTES:
            path, body = request_for(route, image_bytes())
            reply = guarded.ask(route.method, path, body, Authorization=f"Bearer {guarded.token}")
            assert reply.status in answers_of(path), f"{route.method} {route.path}"

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("GET", "/nowhere"), ("GET", "/predict"), ("POST", "/health"),
            ("POST", "/config"), ("DELETE", "/results/x"), ("GET", "/Config"), ("GET", "/config/"),
            ("GET", "/page"), ("GET", "/page/a/b"), ("GET", "/page/../model"), ("GET", "/health%0A"),
            ("GET", "/health/../model"), ("GET", "/page%2F..%2Fmodel"),
        ],
    )  # fmt: skip
    def test_unknown_paths_need_a_token_too(self, guarded: Door, method: str, path: str) -> None:
        reply = guarded.ask(method, path)
        assert reply.status == 401
        assert b"/predict" not in reply.data

    def test_head_needs_the_token_and_options_does_not(self, guarded: Door) -> None:
        assert [guarded.ask("HEAD", path).status for path in ("/", "/health", "/model", "/nowhere")] == [
            200, 200, 401, 401,
        ]  # fmt: skip
        answers = [guarded.ask("OPTIONS", path) for path in ("/predict", "/model", "/nowhere")]
        assert {(answer.status, answer.headers["Allow"], answer.data) for answer in answers} == {(204, None, b"")}
        allowed = guarded.ask("OPTIONS", "/predict", Authorization=f"Bearer {guarded.token}")
        assert (allowed.status, allowed.headers["Allow"]) == (204, "OPTIONS, POST")

    def test_nothing_is_done_for_refused_callers(self, guarded: Door, image_bytes: ImageBytes) -> None:
        for path in ("/", "/predict"):
            guarded.ask("POST", path, b"GIF89a" + bytes(100), Content_Type="image/gif")
        reply = guarded.ask("POST", "/uploads", b"no json")
        assert reply.status == 401  # and not 400, because the body was not read

    def test_the_log_has_no_token_and_no_id(self, guarded: Door) -> None:
        log = io.StringIO()
        upload_id = new_id(0)
        with functions.logs_to(log):
            for header in (f"Bearer {guarded.token}", "Bearer wrong-but-nearly-right"):
                guarded.ask("GET", f"/results/{upload_id}", Authorization=header)
                guarded.ask("POST", "/uploads", b'{"content_type": "image/png"}', Authorization=header)
        written = log.getvalue()
        assert written.count("unauthorized") == 2
        assert not [text for text in (guarded.token, "nearly-right", "Bearer", upload_id, "api/") if text in written]

    def test_the_log_has_the_name_of_a_token_and_never_the_token(self, guarded: Door) -> None:
        token = "w" * 48
        digest = hashlib.sha256(token.encode()).hexdigest()
        entry = {"name": "ward-3", "sha256": digest, "expires": None}
        with contextlib.closing(boto3.client("secretsmanager")) as vault:
            secret = json.dumps({"token": guarded.token, "tokens": [entry]})
            vault.put_secret_value(SecretId=TOKEN_SECRET, SecretString=secret)
        auth.token_store.cache_clear()
        log = io.StringIO()
        with functions.logs_to(log):
            for given in (token, guarded.token, "wrong-but-nearly-right"):
                guarded.ask("POST", "/predict", b"not an image", Authorization=f"Bearer {given}")
        lines = [json.loads(line) for line in log.getvalue().splitlines()]
        assert [line.get("caller") for line in lines if line.get("error_code")] == ["ward-3", "default", None]
        assert not [text for text in (token, digest, guarded.token, "nearly-right") if text in log.getvalue()]

    def test_rotation(self, guarded: Door) -> None:
        with contextlib.closing(boto3.client("secretsmanager")) as vault:
            new = "n" * 40
            vault.put_secret_value(SecretId=TOKEN_SECRET, SecretString=json.dumps({"token": new}))
            for token in (guarded.token, new):
                assert guarded.ask("GET", "/model", Authorization=f"Bearer {token}").status == 200
            vault.put_secret_value(SecretId=TOKEN_SECRET, SecretString=json.dumps({"token": "m" * 40}))
            auth.token_store.cache_clear()  # as in a new instance; the old one would notice within minutes
            statuses = [
                guarded.ask("GET", "/model", Authorization=f"Bearer {token}").status
                for token in ("m" * 40, new, guarded.token)
            ]
            assert statuses == [200, 200, 401]

    def test_an_unreadable_secret_refuses_all_requests(self, guarded: Door) -> None:
        with contextlib.closing(boto3.client("secretsmanager")) as vault:
            vault.delete_secret(SecretId=TOKEN_SECRET, ForceDeleteWithoutRecovery=True)
        reply = guarded.ask("GET", "/model", Authorization=f"Bearer {guarded.token}")
        assert (reply.status, reply.body["code"]) == (503, "access_check_failed")
        assert guarded.ask("GET", "/health").status == 200


class TestIam:
    def test_without_a_checked_signature_only_public_routes_respond(
        self, open_door: OpenDoor, image_bytes: ImageBytes
    ) -> None:
        with open_door("iam") as door:
            for route in api.ROUTES:
                path, body = request_for(route, image_bytes())
                expected = 200 if route.public else 401
                assert door.ask(route.method, path, body).status == expected, f"{route.method} {route.path}"

    def test_a_signed_request_is_accepted(self, load_event: LoadEvent, lambda_context: Any, tiny_service: None) -> None:
        assert api.handler(load_event("function_url_iam"), lambda_context)["statusCode"] == 200
        unsigned = load_event("function_url_none")
        unsigned["body"] = base64.b64encode(b"x").decode()
        assert api.handler(unsigned, lambda_context)["statusCode"] == 401


class TestNone:
    def test_every_route_responds(self, door: Door, image_bytes: ImageBytes) -> None:
        for route in api.ROUTES:
            path, body = request_for(route, image_bytes())
            reply = door.ask(route.method, path, body)
            assert reply.status in answers_of(path), f"{route.method} {route.path}"


def test_a_browser_may_upload_from_the_page(door: Door) -> None:
    url = ticket_for(door)["upload"]["url"]
    policy = door.ask("GET", "/").headers["Content-Security-Policy"]
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
    assert f"connect-src 'self' {origin};" in policy
    asked = {"Origin": door.url, "Access-Control-Request-Method": "POST"}
    assert send(url, "OPTIONS", None, asked).headers["Access-Control-Allow-Origin"] == door.url
