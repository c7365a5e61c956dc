import gzip
import http.client
import json
from collections.abc import Callable, Iterator

import pytest
import requests
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from werkzeug.wrappers import Request, Response

from pneumonia_cli.client.proxy import Proxy
from pneumonia_cli.client.service import Service
from pneumonia_cli.client.signing import Anonymous, SigV4
from pneumonia_cli.local.names import HOST
from pneumonia_cli.local.wsgi_server import running
from tests.client.upstream import Upstream, answer, upstream

KEYS = Credentials("AKIDEXAMPLE", "secret")


@pytest.fixture
def server() -> Iterator[Upstream]:
    with upstream() as running_server:
        running_server.answers["/"] = Response("<html>", content_type="text/html")
        yield running_server


@pytest.fixture
def codes() -> list[str]:
    """The codes that the console has issued."""
    return []


@pytest.fixture
def origin(server: Upstream, codes: list[str]) -> Iterator[str]:
    """The URL of a console."""
    with Service(server.url, SigV4(KEYS, "eu-central-1"), retries=1) as service:
        proxy = Proxy(service, on_code=codes.append)
        codes.append(proxy.code)
        with running(Request.application(proxy.respond), 0) as port:
            yield f"http://{HOST}:{port}"


Ask = Callable[..., requests.Response]


def enter(origin: str, code: object) -> requests.Response:
    return requests.post(f"{origin}/_session", json={"code": code}, timeout=120)


@pytest.fixture
def ask(origin: str, codes: list[str]) -> Iterator[Ask]:
    """A page that has the key: ask("POST", "/predict", data=b"image")."""
    key = enter(origin, codes[0]).json()["key"]
    with requests.Session() as session:
        session.trust_env = False

        def send(method: str, path: str, headers: dict[str, str] | None = None, **options: object) -> requests.Response:
            named = {"Authorization": f"Bearer {key}", **(headers or {})}
            return session.request(method, origin + path, headers=named, allow_redirects=False, **options)  # type: ignore[arg-type]

        yield send


def code(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def test_every_request_is_signed_over_what_arrives(server: Upstream, ask: Ask) -> None:
    server.answers["/predict"] = answer({"pneumonia": 0.5})
    response = ask("POST", "/predict?heatmap=true", data=b"film", headers={"Content-Type": "image/png"})
    assert response.json() == {"pneumonia": 0.5}
    asked = server.asked[-1]
    assert (asked.target, asked.body) == ("/predict?heatmap=true", b"film")
    assert asked.headers["Host"] == server.url.removeprefix("http://")
    auth = SigV4Auth(KEYS.get_frozen_credentials(), "lambda", "eu-central-1")
    arrived = AWSRequest("POST", server.url + asked.target, {"Content-Type": "image/png"}, asked.body)
    arrived.headers["X-Amz-Date"] = arrived.context["timestamp"] = asked.headers["X-Amz-Date"]
    signature = auth.signature(auth.string_to_sign(arrived, auth.canonical_request(arrived)), arrived)
    assert asked.headers["Authorization"].endswith(f"Signature={signature}")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "127.0.0.1.evil.example:{port}"]
)
@pytest.mark.parametrize("path", ["/", "/config", "/predict"])
def test_another_host_is_refused(server: Upstream, ask: Ask, origin: str, host: str, path: str) -> None:
    headers = {"Host": host.format(port=origin.rpartition(":")[2])}
    assert code(ask("GET", path, headers=headers)) == (421, "foreign_host")
    assert server.asked == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_another_page_is_refused(server: Upstream, ask: Ask, headers: dict[str, str]) -> None:
    assert code(ask("POST", "/predict", data=b"film", headers=headers)) == (403, "foreign_origin")
    assert server.asked == []


def test_a_body_in_gzip_is_passed_on_as_such(server: Upstream, ask: Ask) -> None:
    ask("POST", "/predict", data=gzip.compress(b"film"), headers={"Content-Encoding": "gzip"})
    assert (server.asked[-1].headers["Content-Encoding"], gzip.decompress(server.asked[-1].body)) == ("gzip", b"film")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},
    ],
)
def test_requests_from_its_own_page_are_answered(ask: Ask, headers: dict[str, str]) -> None:
    assert ask("GET", "/", headers=headers).status_code == 200


def test_requests_from_its_own_origin_are_answered(ask: Ask, origin: str) -> None:
    assert ask("GET", "/", headers={"Origin": origin}).status_code == 200


@pytest.mark.parametrize("path", ["/predict", "/model", "/health", "/results/x", "/pages", "/_session", "/page"])
@pytest.mark.parametrize("given", [None, "Bearer wrong", "Bearer ", "Basic wrong"])
def test_without_the_key_nothing_is_passed_on(server: Upstream, origin: str, path: str, given: str | None) -> None:
    headers = {"Authorization": given} if given else {}
    assert code(requests.get(origin + path, headers=headers, timeout=120)) == (401, "unauthorized")
    assert code(requests.post(origin + "/config", headers=headers, timeout=120)) == (401, "unauthorized")
    assert server.asked == []


@pytest.mark.parametrize("path", ["/", "/page/app.js", "/config", "/docs", "/model-card", "/openapi.json"])
def test_the_page_can_be_loaded_without_the_key(server: Upstream, origin: str, path: str) -> None:
    server.answers[path] = answer({})
    assert requests.get(origin + path, timeout=120).status_code == 200


@pytest.mark.parametrize("wrong", ["wrong", "", None, 7])
def test_a_wrong_code_gets_no_key(origin: str, codes: list[str], wrong: object) -> None:
    assert code(enter(origin, wrong)) == (401, "unauthorized")
    assert len(codes) == 1
    assert enter(origin, codes[0]).status_code == 200  # the code was not used up


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b'"x"', b"{}", b"{" * 2000])
def test_a_malformed_code_is_refused(origin: str, body: bytes) -> None:
    assert code(requests.post(f"{origin}/_session", data=body, timeout=120)) == (400, "malformed_request")


def test_each_code_can_be_used_once(origin: str, codes: list[str]) -> None:
    first = enter(origin, codes[0].upper().replace("-", " "))
    assert first.headers["Cache-Control"] == "no-store"
    assert code(enter(origin, codes[0])) == (401, "unauthorized")
    assert len(codes) == 2
    assert enter(origin, codes[1]).json() == first.json()
    assert len(set(codes)) == 3


def test_the_key_is_in_no_cookie_and_no_address(server: Upstream, origin: str, codes: list[str], ask: Ask) -> None:
    assert "Set-Cookie" not in enter(origin, codes[1]).headers
    assert "Set-Cookie" not in ask("GET", "/").headers
    key = enter(origin, codes[2]).json()["key"]
    for response in (
        requests.get(f"{origin}/model?key={key}", timeout=120),
        requests.get(f"{origin}/model", cookies={"key": key, "pneumonia-console": key}, timeout=120),
    ):
        assert code(response) == (401, "unauthorized")


def test_credentials_of_the_browser_stay(server: Upstream, ask: Ask) -> None:
    ask(
        "GET", "/", headers={"Authorization": "Bearer theirs", "X-Amz-Security-Token": "theirs", "If-None-Match": '"e"'}
    )
    asked = server.asked[-1]
    assert asked.headers["Authorization"].startswith("AWS4-HMAC-SHA256")
    assert asked.headers["If-None-Match"] == '"e"'
    assert not {"Cookie", "X-Amz-Security-Token"} & set(asked.headers)


def test_headers_of_the_page_come_through_and_others_do_not(server: Upstream, ask: Ask) -> None:
    headers = {
        "Content-Security-Policy": "default-src 'none'",
        "ETag": '"e"',
        "Set-Cookie": "a=b",
        "X-Amzn-RequestId": "r",
    }
    server.answers["/"] = Response("<html>", headers=headers, content_type="text/html")
    response = ask("GET", "/")
    assert response.headers["Content-Security-Policy"] == "default-src 'none'"
    assert (response.headers["ETag"], response.headers["Content-Type"]) == ('"e"', "text/html")
    assert not {"Set-Cookie", "X-Amzn-RequestId"} & set(response.headers)


@pytest.mark.parametrize("target", ["http://evil.example/", "//evil.example/", "/http://evil.example/"])
def test_it_is_no_proxy_for_other_places(server: Upstream, origin: str, codes: list[str], target: str) -> None:
    port = int(origin.rpartition(":")[2])
    connection = http.client.HTTPConnection(HOST, port, timeout=120)
    connection.request("GET", target, headers={"Authorization": f"Bearer {enter(origin, codes[0]).json()['key']}"})
    status = connection.getresponse().status
    connection.close()
    assert status in (400, 404, 421)
    assert all(asked.headers["Host"] == server.url.removeprefix("http://") for asked in server.asked)


def test_methods_nobody_needs(server: Upstream, ask: Ask) -> None:
    assert code(ask("DELETE", "/predict")) == (405, "method_not_allowed")
    assert server.asked == []


def test_too_much(server: Upstream, ask: Ask) -> None:
    assert code(ask("POST", "/predict", data=b"x" * (6 * 1024 * 1024 + 1))) == (413, "too_large")
    assert server.asked == []


@pytest.mark.parametrize("auth", ["iam", "token", "none"])
def test_the_page_is_told_to_ask_for_the_code(server: Upstream, ask: Ask, auth: str) -> None:
    server.answers["/config"] = answer({"auth": auth, "uploads": True})
    assert ask("GET", "/config").json() == {"auth": "console", "uploads": True}


def test_a_large_image_goes_through_to_s3(server: Upstream, ask: Ask, origin: str) -> None:
    with upstream() as s3:
        s3.answers["/bucket"] = Response("<PostResponse/>", 201)
        ticket = {"upload": {"url": f"{s3.url}/bucket", "fields": {"key": "api/i"}}, "result": "/results/i"}
        server.answers["/uploads"] = answer(ticket, 201)
        upload = ask("POST", "/uploads", json={}).json()["upload"]
        assert upload["url"].startswith(f"{origin}/_upload/")
        path = upload["url"].removeprefix(origin)
        response = ask("POST", path, data=upload["fields"], files={"file": ("image", b"film" * 1000)})
        assert (response.status_code, response.content) == (204, b"")
        form = s3.asked[0]
        assert b"film" * 1000 in form.body
        assert int(form.headers["Content-Length"]) == len(form.body)
        assert not {"Authorization", "Cookie", "X-Amz-Date"} & set(form.headers)
        s3.answers["/bucket"] = Response("<Error><Key>api/i</Key></Error>", 403)
        refused = ask("POST", path, files={"file": ("image", b"film")})
        assert (refused.status_code, refused.content) == (403, b"")
    assert code(ask("POST", path, files={"file": ("image", b"film")})) == (502, "network")
    assert code(ask("POST", "/_upload/guessed", data=b"x")) == (404, "not_found")


@pytest.mark.parametrize("document", ["[]", "{}", '{"upload": {"url": "http://viewer.example.org/"}}', "no json"])
def test_an_upload_that_is_not_understood_is_left_as_it_is(server: Upstream, ask: Ask, document: str) -> None:
    server.answers["/uploads"] = Response(document, 201, content_type="application/json")
    assert ask("POST", "/uploads", data="{}").text == document


def test_a_service_that_is_gone() -> None:
    with (
        Service("http://127.0.0.1:1", Anonymous()) as service,
        running(Request.application(Proxy(service).respond), 0) as port,
    ):
        response = requests.get(f"http://{HOST}:{port}/", timeout=120)
    assert code(response) == (502, "network")
    assert json.loads(response.content)["type"] == "urn:pneumonia:problem:network"
