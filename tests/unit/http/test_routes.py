import pytest

from pneumonia.errors import MalformedRequest
from pneumonia.http.requests import Request
from pneumonia.http.responses import json_response
from pneumonia.http.routes import Route

ROUTE = Route("GET", "/results/{upload_id}/heatmap.png", lambda request: json_response(request.parameters))


def test_parameters_are_taken_from_the_path_unchanged() -> None:
    assert ROUTE.parameters("/results/1%2F2/heatmap.png") == {"upload_id": "1%2F2"}
    assert ROUTE.parameters("/results") == {}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/results/1/heatmap.png", True),
        ("/results/%2F/heatmap.png", True),
        ("/results//heatmap.png", False),
        ("/results/1/2/heatmap.png", False),
        ("/results/1/heatmapXpng", False),
        ("/results/1/heatmap.png\n", False),
        ("/x/results/1/heatmap.png", False),
    ],
)
def test_a_parameter_is_one_segment(path: str, expected: bool) -> None:
    assert ROUTE.matches(path) is expected


def test_a_plain_path_matches_only_itself() -> None:
    route = Route("GET", "/openapi.json", lambda request: json_response({}))
    assert route.matches("/openapi.json")
    assert not route.matches("/openapi-json")


def request(query: dict[str, str] | None) -> Request:
    return Request({"queryStringParameters": query}, "id", {"upload_id": "1"})


def test_known_query_parameters_are_optional() -> None:
    route = Route("GET", "/", lambda _request: json_response({}), query=frozenset({"heatmap"}))
    assert route.respond(request({"heatmap": "true"})).status_code == 200
    assert route.respond(request(None)).status_code == 200


def test_unknown_query_parameters_are_refused_first() -> None:
    route = Route("GET", "/", lambda _request: pytest.fail("called"), query=frozenset({"heatmap"}))
    with pytest.raises(MalformedRequest, match="It accepts: heatmap"):
        route.respond(request({"heatmap": "true", "jane": "doe"}))


def test_a_page_ignores_parameters_that_other_sites_append() -> None:
    route = Route("GET", "/", lambda _request: json_response({}), any_query=True)
    assert route.respond(request({"utm_source": "mail"})).status_code == 200
