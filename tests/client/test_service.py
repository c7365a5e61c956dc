import re
from collections.abc import Callable, Iterator

import pytest
from requests.auth import AuthBase
from werkzeug.wrappers import Response

from pneumonia.errors import TooLarge
from pneumonia_cli.client.errors import CredentialsError, NetworkError, Refused, ServiceError
from pneumonia_cli.client.service import Service, content_type
from pneumonia_cli.client.signing import Anonymous, Bearer
from tests.client.upstream import Upstream, answer, upstream

PNG = b"\x89PNG\r\n\x1a\n image"


@pytest.fixture
def server() -> Iterator[Upstream]:
    with upstream() as running:
        yield running


Connect = Callable[..., Service]


@pytest.fixture
def connect(server: Upstream) -> Iterator[Connect]:
    made: list[Service] = []

    def build(auth: AuthBase | None = None) -> Service:
        made.append(Service(server.url, auth or Anonymous(), retries=1))
        return made[-1]

    yield build
    for service in made:
        with service:
            pass


def problem(code: str, status: int) -> Response:
    return answer({"code": code, "title": "Title", "detail": "Detail.", "status": status, "request_id": "r-1"}, status)


def test_a_prediction(server: Upstream, connect: Connect) -> None:
    server.answers["/predict"] = answer({"pneumonia": 0.5})
    assert connect(Bearer("t0ken")).predict(b"film", heatmap=True) == {"pneumonia": 0.5}
    asked = server.asked[0]
    assert (asked.method, asked.target, asked.body) == ("POST", "/predict?heatmap=true", b"film")
    assert asked.headers["Authorization"] == "Bearer t0ken"


INACTIVE = {"Message": "The function is inactive.", "Type": "User", "__type": "CodeArtifactUserPendingException"}


@pytest.mark.parametrize("headers", [{}, {"x_amzn_ErrorType": "CodeArtifactUserPendingException"}], ids=str)
def test_a_function_that_was_idle_for_weeks_is_waited_for(
    server: Upstream, capsys: pytest.CaptureFixture[str], headers: dict[str, str]
) -> None:
    slept: list[float] = []
    inactive = [answer(INACTIVE, 409, **headers) for _ in range(12)]
    server.answers["/predict"] = [*inactive, answer({"pneumonia": 0.5})]
    with Service(server.url, Anonymous(), sleep=slept.append) as service:
        assert service.predict(b"film", heatmap=False) == {"pneumonia": 0.5}
    assert sum(slept) >= 60
    assert capsys.readouterr().err.count("was not used for weeks") == 1


def test_a_function_that_stays_inactive_is_reported(server: Upstream) -> None:
    slept: list[float] = []
    server.answers["/predict"] = answer(INACTIVE, 409)
    with (
        Service(server.url, Anonymous(), sleep=slept.append) as service,
        pytest.raises(ServiceError, match="Try again in a few minutes"),
    ):
        service.predict(b"film", heatmap=False)
    assert 240 <= sum(slept) <= 600


@pytest.mark.parametrize(
    ("code", "status"),
    [("too_large", 413), ("unsupported_format", 415), ("undecodable_image", 422), ("missing_image", 400)],
)
def test_errors_about_the_image_are_refusals(server: Upstream, connect: Connect, code: str, status: int) -> None:
    server.answers["/predict"] = problem(code, status)
    with pytest.raises(Refused) as refused:
        connect().predict(b"film", heatmap=False)
    assert (refused.value.code, refused.value.status, refused.value.detail) == (code, status, "Detail.")


@pytest.mark.parametrize(
    ("reply", "kind", "words"),
    [
        (problem("unauthorized", 401), CredentialsError, "PNEUMONIA_TOKEN"),
        (answer({"Message": "Forbidden"}, 403), CredentialsError, "lambda:InvokeFunctionUrl"),
        (problem("malformed_request", 400), ServiceError, "Detail. .request_id r-1"),
        (problem("internal_error", 500), ServiceError, "HTTP 500"),
        (problem("unhealthy", 503), ServiceError, "HTTP 503"),
        (Response("<html>", 200), ServiceError, "not a response of the service"),
        (answer({"message": "too large"}, 413), ServiceError, "HTTP 413"),
    ],
)
def test_everything_else_is_an_error(
    server: Upstream, connect: Connect, reply: Response, kind: type[Exception], words: str
) -> None:
    server.answers["/predict"] = reply
    with pytest.raises(kind, match=words):
        connect().predict(b"film", heatmap=False)


def test_a_passing_failure_is_tried_again(server: Upstream, connect: Connect) -> None:
    server.answers["/predict"] = [answer({}, 503), answer({"pneumonia": 0.5})]
    assert connect().predict(b"film", heatmap=False) == {"pneumonia": 0.5}
    assert [asked.body for asked in server.asked] == [b"film", b"film"]


def test_credentials_never_follow_a_redirect(server: Upstream, connect: Connect) -> None:
    with upstream() as elsewhere:
        server.answers["/model"] = Response(status=307, headers={"Location": f"{elsewhere.url}/model"})
        with pytest.raises(ServiceError, match="HTTP 307"):
            connect(Bearer("t0ken")).card()
        assert elsewhere.asked == []


@pytest.mark.parametrize("path", ["//evil.example/", "/http://evil.example/", "/@evil.example/", "/..//evil.example"])
def test_a_path_is_never_used_as_a_host(server: Upstream, connect: Connect, path: str) -> None:
    assert connect(Bearer("t0ken")).send("GET", path).status_code == 404
    assert "evil.example" in server.asked[0].target


def test_a_path_begins_with_a_slash(connect: Connect) -> None:
    with pytest.raises(ServiceError):
        connect().send("GET", "@evil.example/")


def test_a_service_that_cannot_be_reached_is_reported() -> None:
    with Service("http://127.0.0.1:1", Anonymous()) as service, pytest.raises(NetworkError, match="pneumonia serve"):
        service.card()


def ticket(server: Upstream, **changes: object) -> Response:
    document = {
        "id": "i",
        "upload": {"url": f"{server.url}/bucket", "fields": {"key": "api/i", "Content-Type": "image/png"}},
        "result": "/results/i",
        "max_bytes": 1000,
        "expires_in": 600,
    }
    return answer(document | changes, 201)


def test_an_upload_is_a_form_with_the_file_last_and_no_credentials(server: Upstream, connect: Connect) -> None:
    server.answers |= {"/uploads": ticket(server), "/bucket": Response(status=204)}
    assert connect(Bearer("t0ken")).upload(PNG) == "/results/i"
    start, form = server.asked
    assert start.headers["Authorization"] == "Bearer t0ken"
    assert start.body == b'{"content_type": "image/png", "force": false}'
    assert "Authorization" not in form.headers
    assert re.findall(rb' name="([^"]+)"', form.body) == [b"key", b"Content-Type", b"file"]
    assert PNG in form.body


def test_an_upload_that_s3_refuses(server: Upstream, connect: Connect) -> None:
    server.answers |= {"/uploads": ticket(server), "/bucket": Response("<Error/>", 403)}
    with pytest.raises(ServiceError, match="HTTP 403"):
        connect().upload(PNG)


def test_an_upload_above_the_limit_is_not_begun(server: Upstream, connect: Connect) -> None:
    server.answers["/uploads"] = ticket(server, max_bytes=5)
    with pytest.raises(Refused) as refused:
        connect().upload(PNG)
    assert refused.value.code == "too_large"
    assert len(server.asked) == 1


@pytest.mark.parametrize("changes", [{"upload": None}, {"max_bytes": "many"}, {"upload": {"url": "x", "fields": 5}}])
def test_an_upload_ticket_of_another_kind(server: Upstream, connect: Connect, changes: dict[str, object]) -> None:
    server.answers["/uploads"] = ticket(server, **changes)
    with pytest.raises(ServiceError, match="cannot read"):
        connect().upload(PNG)


def test_images_are_not_sent_in_the_clear(server: Upstream, connect: Connect) -> None:
    server.answers["/uploads"] = ticket(server, upload={"url": "http://viewer.example.org/", "fields": {}})
    with pytest.raises(ServiceError, match="without https"):
        connect().upload(PNG)


def test_a_result_is_waited_for_as_long_as_the_service_says(server: Upstream, connect: Connect) -> None:
    pending = answer({"status": "pending"}, 202, Retry_After="7")
    server.answers["/results/i"] = [pending, answer({"status": "pending"}, 202), answer({"status": "predicted"})]
    waits: list[float] = []
    assert connect().result("/results/i", patience_seconds=60, sleep=waits.append) == {"status": "predicted"}
    assert waits == [7.0, 2.0]


def test_a_result_that_does_not_come(server: Upstream, connect: Connect) -> None:
    server.answers["/results/i"] = answer({"status": "pending"}, 202, Retry_After="7")
    with pytest.raises(ServiceError, match="dead-letter queue"):
        connect().result("/results/i", patience_seconds=6)


def test_a_rejected_result_is_a_refusal(server: Upstream, connect: Connect) -> None:
    server.answers["/results/i"] = answer({"status": "rejected", "code": "c", "title": "t", "detail": "d"})
    with pytest.raises(Refused):
        connect().result("/results/i", patience_seconds=6)


def test_heatmaps(server: Upstream, connect: Connect) -> None:
    server.answers["/results/i/heatmap.png"] = Response(b"png", content_type="image/png")
    assert connect().heatmap("/results/i") == b"png"
    assert connect().heatmap("/results/none") is None
    server.answers["/results/i/heatmap.png"] = problem("internal_error", 500)
    with pytest.raises(ServiceError):
        connect().heatmap("/results/i")


def test_an_error_from_the_first_bytes_refuses_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_data: bytes) -> None:
        raise TooLarge("Too large.")

    monkeypatch.setattr("pneumonia_cli.client.service.sniff", refuse)
    with pytest.raises(Refused) as refused:
        content_type(PNG)
    assert refused.value.code == "too_large"


def test_content_types() -> None:
    assert (content_type(PNG), content_type(b"\xff\xd8\xff")) == ("image/png", "image/jpeg")
    with pytest.raises(Refused) as refused:
        content_type(b"text")
    assert refused.value.code == "unsupported_format"
