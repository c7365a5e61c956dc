from playwright.sync_api import Response, expect

from tests.page.conftest import Open
from tests.serving import Service


def test_a_first_visit_makes_three_requests_and_the_next_one_transfers_no_page(
    open_page: Open, service: Service
) -> None:
    page = open_page(service)
    seen: list[Response] = []
    page.on("response", lambda response: seen.append(response))
    page.goto(service.url)
    expect(page.locator("#measured table")).to_be_visible()
    own = [response for response in seen if response.url.startswith(service.url)]
    assert sorted(response.url.removeprefix(service.url) for response in own) == ["/", "/config", "/model"]
    first = page.request.get(f"{service.url}/")
    again = page.request.get(f"{service.url}/", headers={"If-None-Match": first.headers["etag"]})
    assert again.status == 304
