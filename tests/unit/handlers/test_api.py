import base64
import gzip
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pneumonia.errors import MalformedRequest
from pneumonia.handlers import api
from pneumonia.http import fetch as fetching
from pneumonia.http import predictions
from pneumonia.predictor import process_predictor
from pneumonia.prevalence import probability_at
from pneumonia.uploads.ids import new_id
from tests.conftest import HttpEvent, ImageBytes, LoadEvent
from tests.unit.conftest import Reply

Event = dict[str, Any]
PROBLEM = "application/problem+json"
URLENCODED = "application/x-www-form-urlencoded"


@pytest.fixture(autouse=True)
def open_door(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accept callers without credentials: access control has its own tests."""
    monkeypatch.setenv("AUTH_MODE", "none")


@pytest.fixture
def call(lambda_context: Any) -> Callable[[Event], Reply]:
    return lambda event: Reply.of(api.handler(event, lambda_context))


Call = Callable[[Event], Reply]


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Capture the log of the handler. Powertools binds its stream at import, so capsys cannot capture it."""
    stream = io.StringIO()
    previous = api.logger.registered_handler.setStream(stream)  # type: ignore[attr-defined]
    yield stream
    api.logger.registered_handler.setStream(previous)  # type: ignore[attr-defined]


def assert_problem(reply: Reply, status: int, code: str, request_id: str) -> None:
    assert (reply.status, reply.body["status"], reply.body["code"]) == (status, status, code)
    assert reply.headers["content-type"] == PROBLEM
    assert reply.body["request_id"] == request_id
    assert reply.body["type"] == f"urn:pneumonia:problem:{code}"
    assert reply.body["title"]
    assert reply.body["detail"]
    assert not {"normal", "pneumonia", "label", "triage", "logit"} & set(reply.body)


@pytest.mark.usefixtures("tiny_service")
class TestPredict:
    @pytest.mark.parametrize("path", ["/predict", "/"])
    @pytest.mark.parametrize("kind", ["PNG", "JPEG"])
    def test_image_as_body(
        self, call: Call, http_event: HttpEvent, image_bytes: ImageBytes, path: str, kind: str
    ) -> None:
        event = http_event(path=path, body=image_bytes(grey=255, kind=kind), content_type=f"image/{kind.lower()}")
        reply = call(event)
        assert reply.status == 200
        assert reply.headers["content-type"] == "application/json"
        assert reply.headers["cache-control"] == "no-store"
        assert reply.body["label"] == "pneumonia"
        image = reply.body["image"]
        assert (image["format"], image["width"], image["height"]) == (kind, 96, 72)
        assert "heatmap" not in reply.body

    def test_the_response_has_the_request_id_of_the_log(
        self, call: Call, http_event: HttpEvent, image_bytes: ImageBytes, lambda_context: Any
    ) -> None:
        assert call(http_event(body=image_bytes())).body["request_id"] == lambda_context.aws_request_id

    def test_json_with_image(self, call: Call, http_event: HttpEvent, image_bytes: ImageBytes) -> None:
        body = json.dumps({"image": base64.b64encode(image_bytes(grey=0)).decode()})
        reply = call(http_event(body=body, content_type="application/json"))
        assert (reply.status, reply.body["label"]) == (200, "normal")

    @pytest.mark.parametrize(
        ("query", "wanted"), [("heatmap=true", True), ("heatmap", True), ("heatmap=false", False), ("", False)]
    )
    def test_heatmap(
        self, call: Call, http_event: HttpEvent, image_bytes: ImageBytes, query: str, wanted: bool
    ) -> None:
        body = call(http_event(body=image_bytes(size=(300, 200)), query=query)).body
        assert ("heatmap" in body) is wanted
        if wanted:
            assert (body["heatmap"]["content_type"], body["heatmap"]["encoding"]) == ("image/png", "base64")
            image = Image.open(io.BytesIO(base64.b64decode(body["heatmap"]["data"], validate=True)))
            assert image.width == 300

    def test_the_map_of_the_heatmap_comes_without_a_picture(
        self, call: Call, http_event: HttpEvent, image_bytes: ImageBytes
    ) -> None:
        body = call(http_event(body=image_bytes(), query="heatmap=map")).body
        found = body["evidence_map"]
        assert "heatmap" not in body
        assert len(found["heat"]) == found["width"] * found["height"]
        assert all(isinstance(cell, int) and 0 <= cell <= 255 for cell in found["heat"])

    @pytest.mark.parametrize("path", ["/predict", "/"])
    def test_prevalence(self, call: Call, http_event: HttpEvent, image_bytes: ImageBytes, path: str) -> None:
        plain = call(http_event(path=path, body=image_bytes(grey=200))).body
        body = call(http_event(path=path, body=image_bytes(grey=200), query="prevalence=0.1")).body
        wanted = probability_at(plain["pneumonia"], 0.5, 0.1)
        assert body.pop("at_prevalence") == {"prevalence": 0.1, "probability": wanted}
        assert wanted < plain["pneumonia"]
        same = ("pneumonia", "normal", "label", "triage", "threshold", "calibrated_prevalence")
        assert [body[name] for name in same] == [plain[name] for name in same]
        assert body.keys() == plain.keys()

    @pytest.mark.parametrize("query", ["prevalence=2", "prevalence", "prevalence=0.1,0.2"])
    def test_prevalence_out_of_bounds(
        self, call: Call, http_event: HttpEvent, image_bytes: ImageBytes, lambda_context: Any, query: str
    ) -> None:
        reply = call(http_event(body=image_bytes(), query=query))
        assert_problem(reply, 400, "malformed_request", lambda_context.aws_request_id)

    @pytest.mark.parametrize("name", ["function_url_none", "function_url_iam"])
    def test_recorded_events(self, call: Call, load_event: LoadEvent, name: str) -> None:
        reply = call(load_event(name))
        assert reply.status == 200
        assert (reply.body["image"]["format"], reply.body["image"]["width"]) == ("PNG", 64)
        assert ("heatmap" in reply.body) is (name == "function_url_iam")

    @pytest.mark.parametrize("client", ["curl", "requests", "browser"])
    def test_forms_as_clients_send_them(self, call: Call, load_event: LoadEvent, client: str) -> None:
        reply = call(load_event(f"function_url_form_{client}"))
        assert (reply.status, reply.body["image"]["format"], reply.body["image"]["width"]) == (200, "PNG", 64)

    @pytest.mark.parametrize("kind", ["PNG", "JPEG"])
    def test_gzip(self, call: Call, http_event: HttpEvent, image_bytes: ImageBytes, kind: str) -> None:
        data = image_bytes(grey=255, kind=kind)
        packed = http_event(body=gzip.compress(data), headers={"Content-Encoding": "gzip"})
        assert call(packed).body["pneumonia"] == call(http_event(body=data)).body["pneumonia"]

    def test_json_behind_a_byte_order_mark(self, call: Call, load_event: LoadEvent) -> None:
        event = load_event("function_url_none")
        event["body"] = "\ufeff" + event["body"]
        assert call(event).status == 200

    def test_url(
        self,
        call: Call,
        http_event: HttpEvent,
        image_bytes: ImageBytes,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setenv("ALLOWED_URL_HOSTS", "images.example.org")
        monkeypatch.setenv("MAX_IMAGE_BYTES", "5000")
        monkeypatch.setenv("URL_TIMEOUT_SECONDS", "3")
        asked = []

        def fetch(url: str, policy: Any) -> bytes:
            asked.append((url, policy.allowed_hosts, policy.max_bytes, policy.timeout_seconds))
            return image_bytes()

        monkeypatch.setattr(fetching, "fetch", fetch)
        url = "https://images.example.org/a.png"
        reply = call(http_event(body=json.dumps({"url": url}), content_type="application/json"))
        assert reply.status == 200
        assert asked == [(url, frozenset({"images.example.org"}), 5000, 3.0)]


@pytest.mark.usefixtures("tiny_service")
@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_an_image_that_takes_too_long_to_decode_is_refused(
    call: Call, http_event: HttpEvent, image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    predictor = process_predictor()
    monkeypatch.setattr(predictor, "limits", replace(predictor.limits, decode_seconds=1e-7))
    reply = call(http_event(body=image_bytes(kind=kind)))
    assert (reply.status, reply.body["code"]) == (422, "took_too_long")


@pytest.mark.usefixtures("tiny_service")
class TestErrors:
    @pytest.mark.parametrize(
        ("event", "status", "code"),
        [
            ({"body": "{", "content_type": "application/json"}, 400, "malformed_request"),
            ({"body": '{"image": "%"}', "content_type": "application/json"}, 400, "malformed_request"),
            ({"body": "hello", "content_type": "text/plain"}, 400, "malformed_request"),
            ({"body": b"\x89PNG", "query": "heatmap=maybe"}, 400, "malformed_request"),
            ({}, 400, "missing_image"),
            ({"body": "{}", "content_type": "application/json"}, 400, "missing_image"),
            ({"body": '{"url": "https://a.example.org/"}'}, 400, "url_not_allowed"),
            ({"path": "/nowhere"}, 404, "not_found"),
            ({"path": "/predict/"}, 404, "not_found"),
            ({"method": "GET", "path": "/%00/../predict"}, 404, "not_found"),
            ({"method": "GET"}, 405, "method_not_allowed"),
            ({"body": b"\x89PNG" + bytes(6000)}, 413, "too_large"),
            ({"body": b"GIF89a" + bytes(20)}, 415, "unsupported_format"),
            ({"body": gzip.compress(bytes(99_999)), "headers": {"content-encoding": "gzip"}}, 413, "too_large"),
            ({"body": b"x", "headers": {"content-encoding": "br"}}, 415, "unsupported_format"),
            ({"body": b"image=iVBORw0KGgo%3D", "content_type": URLENCODED}, 400, "malformed_request"),
            ({"body": b"--b--\r\n", "content_type": "multipart/form-data; boundary=b"}, 400, "missing_image"),
            ({"body": b"\xff\xd8\xff" + bytes(20)}, 422, "undecodable_image"),
        ],
    )
    def test_every_row_of_the_error_table(
        self,
        call: Call,
        http_event: HttpEvent,
        lambda_context: Any,
        monkeypatch: pytest.MonkeyPatch,
        event: dict[str, Any],
        status: int,
        code: str,
    ) -> None:
        monkeypatch.setenv("MAX_IMAGE_BYTES", "5000")
        assert_problem(call(http_event(**event)), status, code, lambda_context.aws_request_id)

    def test_too_many_pixels(
        self, call: Call, http_event: HttpEvent, image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MAX_IMAGE_PIXELS", "10000")
        assert call(http_event(body=image_bytes(size=(100, 100)))).status == 200
        assert call(http_event(body=image_bytes(size=(100, 101)))).body["code"] == "too_large"

    def test_url_that_could_not_be_fetched(
        self, call: Call, http_event: HttpEvent, lambda_context: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # .invalid never resolves (RFC 6761), with or without a network.
        monkeypatch.setenv("ALLOWED_URL_HOSTS", "images.example.invalid")
        reply = call(http_event(body='{"url": "https://images.example.invalid/a.png"}'))
        assert_problem(reply, 502, "url_fetch_failed", lambda_context.aws_request_id)

    @pytest.mark.parametrize(
        ("path", "method", "allow"),
        [
            ("/predict", "GET", "OPTIONS, POST"),
            ("/predict", "HEAD", "OPTIONS, POST"),
            ("/predict", "PUT", "OPTIONS, POST"),
            ("/", "DELETE", "GET, HEAD, OPTIONS, POST"),
            ("/uploads", "GET", "OPTIONS, POST"),
            ("/results/any", "POST", "GET, HEAD, OPTIONS"),
            ("/results/any/heatmap.png", "DELETE", "GET, HEAD, OPTIONS"),
            ("/page/app.js", "PUT", "GET, HEAD, OPTIONS"),
            ("/health", "POST", "GET, HEAD, OPTIONS"),
        ],
    )
    def test_405_says_what_is_allowed(
        self, call: Call, http_event: HttpEvent, path: str, method: str, allow: str
    ) -> None:
        reply = call(http_event(method=method, path=path))
        assert (reply.status, reply.headers["allow"]) == (405, allow)
        assert reply.headers["content-type"] == PROBLEM

    @pytest.mark.parametrize(
        ("path", "method", "query", "reasons"),
        [
            (
                "/predict",
                "POST",
                "heatmp=true",
                ("parameter heatmp,", "The closest match is heatmap.", "force, heatmap"),
            ),
            ("/predict", "POST", "Force=1", ("parameter Force,", "The closest match is force.")),
            ("/model", "GET", "verbose=1", ("parameter verbose,", "It accepts: none.")),
            ("/health", "HEAD", "x=1", ()),
            ("/predict", "POST", "jane%20doe=1", ("has a parameter, which",)),
        ],
    )
    def test_an_unknown_query_parameter_is_named(
        self, call: Call, http_event: HttpEvent, path: str, method: str, query: str, reasons: tuple[str, ...]
    ) -> None:
        reply = call(http_event(method=method, path=path, query=query, body=b"\x89PNG"))
        assert (reply.status, reply.headers["content-type"]) == (400, PROBLEM)
        assert all(reason in reply.body["detail"] for reason in reasons)
        assert b"jane" not in reply.data

    def test_addresses_may_be_signed_and_pages_may_be_linked(
        self, call: Call, http_event: HttpEvent, image_bytes: ImageBytes
    ) -> None:
        signed = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=0&heatmap=false"
        assert call(http_event(body=image_bytes(), query=signed)).status == 200
        for path in ("/", "/page/app.js"):
            assert call(http_event(method="GET", path=path, query="utm_source=mail&heatmap=1")).status == 200

    def test_an_unexpected_error_shows_no_internals(
        self,
        call: Call,
        http_event: HttpEvent,
        image_bytes: ImageBytes,
        lambda_context: Any,
        monkeypatch: pytest.MonkeyPatch,
        log: io.StringIO,
    ) -> None:
        def explode(*_args: Any, **_kwargs: Any) -> None:
            raise RuntimeError("images/jane-doe.png")

        monkeypatch.setattr(process_predictor(), "predict", explode)
        reply = call(http_event(body=image_bytes()))
        assert_problem(reply, 500, "internal_error", lambda_context.aws_request_id)
        assert "jane-doe" not in json.dumps(reply.body) + log.getvalue()
        assert "RuntimeError" in log.getvalue()
        assert lambda_context.aws_request_id in log.getvalue()

    def test_event_that_the_resolver_cannot_read(self, call: Call, lambda_context: Any) -> None:
        reply = call({"rawPath": "/predict", "requestContext": {}})
        assert_problem(reply, 500, "internal_error", lambda_context.aws_request_id)


class TestModelMissing:
    @pytest.fixture(autouse=True)
    def no_model(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setenv("MODEL_DIR", str(tmp_path))

    @pytest.mark.parametrize("event", [{"body": b"\x89PNG"}, {"method": "GET", "path": "/model"}])
    def test_500_without_internals(
        self, call: Call, http_event: HttpEvent, lambda_context: Any, tmp_path: Path, event: dict[str, Any]
    ) -> None:
        reply = call(http_event(**event))
        assert_problem(reply, 500, "model_error", lambda_context.aws_request_id)
        assert str(tmp_path) not in json.dumps(reply.body)

    def test_health_503_and_the_reason_in_the_log(
        self, call: Call, http_event: HttpEvent, lambda_context: Any, tmp_path: Path, log: io.StringIO
    ) -> None:
        reply = call(http_event(method="GET", path="/health"))
        assert_problem(reply, 503, "unhealthy", lambda_context.aws_request_id)
        assert str(tmp_path) not in json.dumps(reply.body)
        assert str(tmp_path) in log.getvalue()

    def test_it_recovers_when_the_model_appears(
        self, call: Call, http_event: HttpEvent, artifacts: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.setenv("MODEL_DIR", str(tmp_path / "to-come"))
        assert call(http_event(method="GET", path="/health")).status == 503
        (tmp_path / "to-come").symlink_to(artifacts)
        assert call(http_event(method="GET", path="/health")).status == 200


def test_bad_setting_is_a_500_that_the_log_explains(
    call: Call, http_event: HttpEvent, monkeypatch: pytest.MonkeyPatch, log: io.StringIO
) -> None:
    monkeypatch.setenv("MAX_IMAGE_BYTES", "many")
    reply = call(http_event(body=b"\x89PNG"))
    assert (reply.status, reply.body["code"]) == (500, "settings_error")
    assert "MAX_IMAGE_BYTES" not in json.dumps(reply.body)
    assert "MAX_IMAGE_BYTES" in log.getvalue()


@pytest.mark.usefixtures("tiny_service")
class TestOtherMethods:
    @pytest.mark.parametrize(
        "path",
        ["/", "/health", "/model", "/config", "/openapi.json", "/docs", "/model-card", "/page/app.js", "/page/no.js"],
    )
    def test_head_is_get_without_its_body(self, call: Call, http_event: HttpEvent, path: str) -> None:
        get, head = (call(http_event(method=method, path=path)) for method in ("GET", "HEAD"))
        assert (head.status, head.headers, head.data) == (get.status, get.headers, b"")
        assert get.data

    def test_head_may_be_not_modified(self, call: Call, http_event: HttpEvent) -> None:
        etag = call(http_event(method="HEAD", path="/")).headers["etag"]
        assert call(http_event(method="HEAD", path="/", headers={"if-none-match": etag})).status == 304

    @pytest.mark.parametrize(
        ("path", "allow"),
        [
            ("/", "GET, HEAD, OPTIONS, POST"),
            ("/health", "GET, HEAD, OPTIONS"),
            ("/page/app.js", "GET, HEAD, OPTIONS"),
            ("/predict", "OPTIONS, POST"),
            ("/model", "GET, HEAD, OPTIONS"),
        ],
    )
    @pytest.mark.parametrize("auth", ["none", "token", "iam"])
    def test_options_needs_no_credentials_and_lets_no_other_origin_in(
        self, call: Call, http_event: HttpEvent, monkeypatch: pytest.MonkeyPatch, auth: str, path: str, allow: str
    ) -> None:
        monkeypatch.setenv("AUTH_MODE", auth)
        monkeypatch.setenv("AUTH_SECRET_ID", "never read")
        asked = {"origin": "https://images.example.org", "access-control-request-method": "POST"}
        # Callers without credentials learn nothing about paths that are not public.
        told = auth == "none" or path not in ("/predict", "/model")
        for headers in ({}, asked):
            reply = call(http_event(method="OPTIONS", path=path, headers=headers))
            assert (reply.status, reply.headers.get("allow"), reply.data) == (204, allow if told else None, b"")
            assert not [name for name in reply.headers if name.startswith("access-control")]

    @pytest.mark.parametrize(("auth", "status"), [("none", 404), ("token", 204), ("iam", 204)])
    def test_options_of_an_unknown_path(
        self, call: Call, http_event: HttpEvent, monkeypatch: pytest.MonkeyPatch, auth: str, status: int
    ) -> None:
        monkeypatch.setenv("AUTH_MODE", auth)
        monkeypatch.setenv("AUTH_SECRET_ID", "never read")
        reply = call(http_event(method="OPTIONS", path="/nowhere"))
        assert (reply.status, "allow" in reply.headers) == (status, False)


@pytest.mark.usefixtures("tiny_service")
def test_health(call: Call, http_event: HttpEvent) -> None:
    reply = call(http_event(method="GET", path="/health"))
    assert reply.status == 200
    assert (reply.body["status"], reply.body["self_test"]) == ("ok", "passed")
    assert reply.body["model"]["name"] == "tiny-grey"


def test_health_fails_if_the_golden_logit_differs(
    call: Call, http_event: HttpEvent, make_artifacts: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = make_artifacts()
    Image.new("L", (8, 8), 0).save(directory / "golden.png")
    monkeypatch.setenv("MODEL_DIR", str(directory))
    assert call(http_event(method="GET", path="/health")).status == 503


@pytest.mark.usefixtures("tiny_service")
def test_model_is_the_whole_card(call: Call, http_event: HttpEvent, artifacts: Path) -> None:
    reply = call(http_event(method="GET", path="/model"))
    assert (reply.status, reply.body) == (200, json.loads((artifacts / "card.json").read_text()))


@pytest.mark.usefixtures("tiny_service")
class TestDirectInvoke:
    def test_recorded_image(self, load_event: LoadEvent, lambda_context: Any) -> None:
        answer = api.handler(load_event("direct_invoke_image"), lambda_context)
        assert (answer["image"]["format"], answer["image"]["width"]) == ("PNG", 64)
        assert answer["request_id"] == lambda_context.aws_request_id
        assert "heatmap" not in answer
        json.dumps(answer)

    def test_heatmap(self, load_event: LoadEvent, lambda_context: Any) -> None:
        event = load_event("direct_invoke_image") | {"heatmap": True}
        assert api.handler(event, lambda_context)["heatmap"]["content_type"] == "image/png"

    def test_prevalence(self, load_event: LoadEvent, lambda_context: Any) -> None:
        event = {**load_event("direct_invoke_image"), "prevalence": 0.2}
        assert api.handler(event, lambda_context)["at_prevalence"]["prevalence"] == 0.2

    def test_recorded_url_is_off_by_default(self, load_event: LoadEvent, lambda_context: Any) -> None:
        answer = api.handler(load_event("direct_invoke_url"), lambda_context)
        assert (answer["code"], answer["status"]) == ("url_not_allowed", 400)

    def test_url(
        self,
        load_event: LoadEvent,
        lambda_context: Any,
        image_bytes: ImageBytes,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(fetching, "fetch", lambda _url, _policy: image_bytes(grey=255))
        answer = api.handler(load_event("direct_invoke_url"), lambda_context)
        assert answer["label"] == "pneumonia"

    @pytest.mark.parametrize(
        ("event", "code"),
        [
            ({}, "missing_image"),
            ({"Records": []}, "missing_image"),
            ({"image": 1}, "malformed_request"),
            (["image"], "malformed_request"),
            (None, "malformed_request"),
            ({"image": "aGVsbG8="}, "unsupported_format"),
            ({"image": "aGVsbG8=", "heatmap": "maybe"}, "malformed_request"),
        ],
    )
    def test_problems_come_back_as_objects(self, lambda_context: Any, event: Any, code: str) -> None:
        answer = api.handler(event, lambda_context)
        assert answer["code"] == code
        assert answer["request_id"] == lambda_context.aws_request_id


@pytest.mark.usefixtures("tiny_service")
def test_the_log_contains_nothing_about_the_patient(
    call: Call,
    http_event: HttpEvent,
    image_bytes: ImageBytes,
    log: io.StringIO,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("ALLOWED_URL_HOSTS", "images.example.invalid")
    monkeypatch.setenv("POWERTOOLS_LOGGER_LOG_EVENT", "true")
    image = image_bytes(grey=99)
    assert call(http_event(body=image)).status == 200
    call(http_event(body='{"url": "https://images.example.invalid/jane-doe.png"}'))
    call(http_event(path="/jane-doe"))
    written = log.getvalue()
    assert "predicted" in written
    for secret in ("jane-doe", "images.example", base64.b64encode(image).decode()[:24], 'pneumonia":'):
        assert secret not in written


def test_routes_are_those_of_the_contract() -> None:
    assert {(route.method, route.path) for route in api.ROUTES} == {
        ("GET", "/"),
        ("GET", "/page/{name}"),
        ("GET", "/docs"),
        ("GET", "/model-card"),
        ("GET", "/config"),
        ("GET", "/health"),
        ("GET", "/model"),
        ("GET", "/openapi.json"),
        ("POST", "/"),
        ("POST", "/predict"),
        ("POST", "/image"),
        ("POST", "/feedback"),
        ("POST", "/uploads"),
        ("POST", "/studies"),
        ("POST", "/studies/{study}"),
        ("GET", "/results/{upload_id}"),
        ("GET", "/results/{upload_id}/heatmap.png"),
    }


@pytest.mark.usefixtures("tiny_service")
@pytest.mark.parametrize("route", api.ROUTES, ids=lambda route: f"{route.method} {route.path}")
@pytest.mark.parametrize("query", ["heatmp=4711", "heatmap=true&verbose", "Heatmap=true"])
def test_unknown_query_parameters_are_refused_everywhere_but_on_the_page(
    call: Call, http_event: HttpEvent, lambda_context: Any, image_bytes: ImageBytes, route: Any, query: str
) -> None:
    path = route.path.format(name="app.js", upload_id=new_id(0), study="1.2.3")
    reply = call(http_event(method=route.method, path=path, query=query, body=image_bytes()))
    if route.any_query:
        assert reply.status == 200
        return
    assert_problem(reply, 400, "malformed_request", lambda_context.aws_request_id)
    unknown = next(name for name in (part.partition("=")[0] for part in query.split("&")) if name not in route.query)
    assert f"parameter {unknown}," in reply.body["detail"]
    assert "4711" not in json.dumps(reply.body)


def test_problems_of_the_package_reach_the_caller_unchanged(
    call: Call, http_event: HttpEvent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_args: Any, **_kwargs: Any) -> None:
        raise MalformedRequest("Send it differently.")

    monkeypatch.setattr(predictions, "from_http", refuse)
    assert call(http_event(body=b"x")).body["detail"] == "Send it differently."


@pytest.mark.usefixtures("tiny_service")
def test_request_id_is_the_correlation_id_of_every_line(
    call: Call, http_event: HttpEvent, image_bytes: ImageBytes, log: io.StringIO, lambda_context: Any
) -> None:
    call(http_event(body=image_bytes()))
    call(http_event(body=b"no image"))
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    assert [line["message"] for line in lines] == ["predicted", "refused"]
    assert {line["correlation_id"] for line in lines} == {lambda_context.aws_request_id}
