from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

import pytest
import requests
from werkzeug.wrappers import Request, Response

from pneumonia_cli.local.cloud import Cloud
from pneumonia_cli.local.names import HOST, RESULT_BUCKET, UPLOAD_BUCKET
from pneumonia_cli.local.own_pages import guarded, origins_of, refusal
from pneumonia_cli.local.wsgi_server import running


@pytest.fixture
def origin() -> Iterator[str]:
    """A server with one page, which holds a secret."""
    with running(Request.application(lambda request: Response("secret")), 0) as port:
        yield f"http://{HOST}:{port}"


def asked(url: str, method: str = "GET", **headers: str) -> requests.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with requests.Session() as session:
        session.trust_env = False
        return session.request(method, url, headers=named, timeout=120)


@pytest.mark.parametrize(
    "host",
    ["evil.example:{port}", "127.0.0.1", "localhost", "127.0.0.1:1", "evil.example", "localhost.evil.example:{port}",
     "127.0.0.1.evil.example:{port}", "127.0.0.1:{port}.evil.example", "evil@127.0.0.1:{port}", "[::1]:{port}",
     "127.0.0.1:{port}@evil", "evillocalhost:{port}", "0.0.0.0:{port}", "2130706433:{port}"],
)  # fmt: skip
def test_another_host_gets_nothing(origin: str, host: str) -> None:
    response = asked(origin, Host=host.format(port=origin.rpartition(":")[2]))
    assert (response.status_code, response.json()["code"]) == (421, "foreign_host")


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost", "pneumonia-uploads.localhost"])
def test_requests_to_its_own_names_are_answered(origin: str, name: str) -> None:
    assert asked(origin, Host=f"{name}:{origin.rpartition(':')[2]}").text == "secret"


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"Origin": "https://evil.example"}),
        ("GET", {"Origin": "null"}),
        ("GET", {"Origin": "http://127.0.0.1:1"}),
        ("OPTIONS", {"Origin": "http://127.0.0.1:1", "Access-Control-Request-Method": "GET"}),
        ("POST", {"Origin": "http://localhost"}),
        ("GET", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}),
        ("GET", {"Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}),
        ("POST", {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}),
    ],
)
def test_another_page_gets_nothing(origin: str, method: str, headers: dict[str, str]) -> None:
    response = asked(origin, method, **headers)
    assert (response.status_code, response.json()["code"]) == (403, "foreign_origin")
    assert not [name for name in response.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
        {"Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"},  # a link that was followed
    ],
)
def test_programs_and_its_own_page_get_an_answer(origin: str, headers: dict[str, str]) -> None:
    assert asked(origin, **headers).text == "secret"
    assert asked(origin, Origin=origin).text == "secret"


def test_an_address_of_another_network_is_itself() -> None:
    environ: dict[str, Any] = {"HTTP_HOST": "172.17.0.1:80", "REQUEST_METHOD": "GET"}
    assert refusal(environ, 80, address="172.17.0.1") is None
    refused = refusal(environ, 80)
    assert refused is not None
    assert refused[0] is HTTPStatus.MISDIRECTED_REQUEST
    assert refusal({}, 80) is not None
    assert callable(guarded(lambda environ, start: [], 80))


SERVICES = {"s3": ("GET", f"/{RESULT_BUCKET}"), "secrets": ("POST", "/"), "reset": ("POST", "/moto-api/reset")}


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize("foreign", [{"Origin": "https://evil.example"}, {"Host": "evil.example:{port}"}])
def test_the_local_cloud_answers_no_other_page(cloud: Cloud, service: str, foreign: dict[str, str]) -> None:
    method, path = SERVICES[service]
    port = cloud.endpoint_url.rpartition(":")[2]
    headers = {name: value.format(port=port) for name, value in foreign.items()}
    response = asked(f"http://{HOST}:{port}{path}", method, **headers)
    assert response.status_code in (403, 421)
    assert "Access-Control-Allow-Origin" not in response.headers


def test_the_page_may_upload_and_nothing_else(cloud: Cloud) -> None:
    page = f"http://{HOST}:4321"
    port = cloud.endpoint_url.rpartition(":")[2]
    bucket = f"http://localhost:{port}/{UPLOAD_BUCKET}"
    preflight = {"Origin": page, "Access-Control-Request-Method": "POST"}
    assert asked(bucket, "OPTIONS", **preflight).status_code == 403
    cloud.page_origins.update(origins_of(4321))
    answered = asked(bucket, "OPTIONS", **preflight)
    assert (answered.status_code, answered.headers["Access-Control-Allow-Origin"]) == (200, page)
    for method, path in (("GET", ""), ("POST", "/image"), ("PUT", "/image"), ("DELETE", "")):
        assert asked(bucket + path, method, Origin=page).status_code == 403
    assert asked(f"http://localhost:{port}/{RESULT_BUCKET}", "POST", Origin=page).status_code == 403


def test_names_of_buckets_below_localhost(cloud: Cloud) -> None:
    cloud.s3.put_object(Bucket=RESULT_BUCKET, Key="a.png.json", Body=b"{}", ACL="public-read")
    port = cloud.endpoint_url.rpartition(":")[2]
    response = asked(f"http://{HOST}:{port}/a.png.json", Host=f"{RESULT_BUCKET}.localhost:{port}")
    assert (response.status_code, response.content) == (200, b"{}")
