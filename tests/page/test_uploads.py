import contextlib

import boto3
import pytest
from botocore.config import Config
from playwright.sync_api import Page, Request, expect

from pneumonia_cli.local.names import REGION, UPLOAD_BUCKET
from tests.page.actions import SAMPLES, add_images, answered, large_png, payload
from tests.page.conftest import Open
from tests.serving import Service

pytestmark = pytest.mark.slow

# Chromium does not expose the body of a form with a file. This script keeps the fields of each form as text, and the
# name of its file.
KEEP_FORMS = """() => {
    window.forms = [];
    const send = XMLHttpRequest.prototype.send;
    XMLHttpRequest.prototype.send = function (body) {
        const shown = ([field, value]) => [field, value instanceof File ? value.name : value];
        if (body instanceof FormData) window.forms.push(Object.fromEntries([...body].map(shown)));
        return send.call(this, body);
    };
}"""
NAME = "Doe^Jane-1970-01-01.png"


@pytest.fixture(scope="module")
def large() -> bytes:
    return large_png(SAMPLES[-1], 4_500_000)


@pytest.mark.slow
def test_a_large_image_is_uploaded_to_the_bucket_without_its_name(
    open_page: Open, service: Service, large: bytes
) -> None:
    page = open_page(service)
    page.evaluate(KEEP_FORMS)
    asked = requests(page)
    add_images(page, payload(NAME, large))
    answered(page, 1)
    expect(page.locator("#result .probability")).to_be_visible()
    expect(page.locator("#stage-size")).to_have_text("2800 \u00d7 2800 PNG")
    expect(page.locator("#opacity")).to_be_enabled()
    paths = [request.url.removeprefix(service.url) for request in asked]
    assert "/uploads" in paths
    assert not any(path.startswith("/predict") for path in paths)
    assert any(path.startswith("/results/") and path.endswith("/heatmap.png") for path in paths)
    (ticket,) = (request for request in asked if request.url.endswith("/uploads"))
    assert ticket.post_data_json == {"content_type": "image/png", "force": False}
    (upload,) = (request for request in asked if request.url.startswith(service.s3_url) and request.method == "POST")
    assert "authorization" not in upload.headers
    (fields,) = page.evaluate("forms")
    assert fields.pop("file") == "film"
    assert not any("Jane" in value for value in fields.values())
    assert stored(service, fields["key"]) == large


def test_an_image_that_the_worker_refuses_says_why(open_page: Open, service: Service, large: bytes) -> None:
    page = open_page(service)
    add_images(page, payload("cut.png", large[:4_800_000]))
    answered(page, 1)
    expect(page.locator("#result")).to_contain_text("The image is damaged or incomplete")
    expect(page.locator("#result")).to_contain_text("undecodable_image")


def test_an_upload_that_s3_refuses_can_be_tried_again(open_page: Open, service: Service, large: bytes) -> None:
    page = open_page(service, expected=("status of 403",))
    refusal = "<Error><Code>AccessDenied</Code><Message>Invalid according to Policy: Policy expired.</Message></Error>"
    headers = {"Access-Control-Allow-Origin": service.url}
    page.route(f"{service.s3_url}/**", lambda route: route.fulfill(status=403, body=refusal, headers=headers))
    add_images(page, payload("image.png", large))
    answered(page, 1)
    expect(page.locator("#result")).to_contain_text("The upload was refused")
    expect(page.locator("#result")).to_contain_text("S3 says AccessDenied")
    page.unroute(f"{service.s3_url}/**")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#result .probability")).to_be_visible()


def test_progress_is_shown_while_an_image_is_sent(open_page: Open, service: Service, large: bytes) -> None:
    page = open_page(service)
    # Slow enough to see the progress bar.
    throttle = page.context.new_cdp_session(page)
    throttle.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 500_000}
    throttle.send("Network.emulateNetworkConditions", slow)
    add_images(page, payload("image.png", large))
    bar = page.get_by_role("progressbar", name="Progress of image.png")
    expect(bar).to_be_visible()
    expect(page.locator("#images .words")).to_contain_text("Uploading")
    throttle.send("Network.emulateNetworkConditions", slow | {"uploadThroughput": -1})
    answered(page, 1)
    expect(bar).to_have_count(0)


def stored(service: Service, key: str) -> bytes:
    """Return an object of the upload bucket of the local cloud."""
    session = boto3.Session(aws_access_key_id="testing", aws_secret_access_key="testing", region_name=REGION)
    config = Config(s3={"addressing_style": "path"})
    with contextlib.closing(session.client("s3", endpoint_url=service.s3_url, config=config)) as client:
        return client.get_object(Bucket=UPLOAD_BUCKET, Key=key)["Body"].read()


def requests(page: Page) -> list[Request]:
    found: list[Request] = []
    page.on("request", lambda request: found.append(request))
    return found
