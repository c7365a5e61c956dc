"""Requests to every port of the local cloud from pages of other origins and ports, in a real browser."""

from collections.abc import Iterator

import boto3
import pytest
from playwright.sync_api import Browser, Page

from pneumonia_cli.local.names import CREDENTIAL, HOST, QUEUE, REGION, RESULT_BUCKET, TOKEN_SECRET
from tests.page.conftest import FLAGS, chromium
from tests.serving import Service

pytestmark = pytest.mark.slow

EVIL = "evil.example"
SECRET = "nothing-for-others"

# A page can try to read an answer, and to make the browser load one that the page cannot read.
TRY = """async ([url, options]) => {
    const readable = await fetch(url, options).then(
        async (response) => [response.status, await response.text()], () => null);
    const script = await new Promise((resolve) => {
        const image = new Image();
        image.onload = () => resolve(true);
        image.onerror = () => resolve(false);
        image.src = url;
    });
    return [readable, script];
}"""


def signed(service: str, target: str) -> dict[str, str]:
    """Return headers that address a request to a service of the local cloud. The signature is not valid."""
    scope = f"{CREDENTIAL}/20260101/{REGION}/{service}/aws4_request"
    return {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0",
        "Content-Type": f"application/x-amz-json-1.{0 if service == 'sqs' else 1}",
        "X-Amz-Target": target,
    }


def attempts(service: Service) -> dict[str, tuple[str, dict[str, object]]]:
    secret = {"method": "POST", "headers": signed("secretsmanager", "secretsmanager.GetSecretValue")}
    queues = {"method": "POST", "headers": signed("sqs", "AmazonSQS.ListQueues")}
    return {
        "page": (f"{service.url}/", {}),
        "config": (f"{service.url}/config", {}),
        "prediction": (f"{service.url}/predict", {"method": "POST", "body": "film"}),
        "icon": (f"{service.url}/page/icon.svg", {}),
        "results": (f"{service.s3_url}/{RESULT_BUCKET}?list-type=2", {}),
        "result": (f"{service.s3_url}/{RESULT_BUCKET}/secret.svg", {}),
        "token": (f"{service.s3_url}/", {**secret, "body": f'{{"SecretId": "{TOKEN_SECRET}"}}'}),
        "queue": (f"{service.s3_url}/", {**queues, "body": f'{{"QueueNamePrefix": "{QUEUE}"}}'}),
        "reset": (f"{service.s3_url}/moto-api/reset", {"method": "POST"}),
    }


@pytest.fixture
def filled(guarded_service: Service) -> Iterator[Service]:
    """Return a local cloud that holds a result, which an <img> element could show."""
    picture = f'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><!-- {SECRET} --></svg>'
    s3 = boto3.client(
        "s3",
        endpoint_url=guarded_service.s3_url,
        region_name=REGION,
        aws_access_key_id=CREDENTIAL,
        aws_secret_access_key=CREDENTIAL,
    )
    s3.put_object(
        Bucket=RESULT_BUCKET, Key="secret.svg", Body=picture.encode(), ContentType="image/svg+xml", ACL="public-read"
    )
    yield guarded_service
    s3.delete_object(Bucket=RESULT_BUCKET, Key="secret.svg")
    s3.close()


@pytest.fixture(scope="module")
def rebound(browser: Browser) -> Iterator[Browser]:
    """Start a browser that resolves the name of another site to this machine.

    It lets every page send requests to local addresses, as older browsers do.
    """
    flags = [f"--host-resolver-rules=MAP {EVIL} 127.0.0.1", "--disable-features=LocalNetworkAccessChecks"]
    launched = browser.browser_type.launch(executable_path=chromium(), args=[*FLAGS, *flags], chromium_sandbox=False)
    yield launched
    launched.close()


@pytest.fixture
def page(rebound: Browser) -> Iterator[Page]:
    context = rebound.new_context()
    yield context.new_page()
    context.close()


@pytest.mark.parametrize("name", [EVIL, HOST, "localhost"])
def test_a_page_of_another_origin_or_port_gets_nothing(page: Page, filled: Service, elsewhere: str, name: str) -> None:
    page.goto(f"http://{name}:{elsewhere}/")
    got = {name: page.evaluate(TRY, list(attempt)) for name, attempt in attempts(filled).items()}
    assert got == {name: [None, False] for name in got}


def test_the_page_itself_gets_an_answer(page: Page, filled: Service) -> None:
    page.goto(filled.url)
    got = {name: page.evaluate(TRY, list(attempts(filled)[name])) for name in ("config", "icon", "results")}
    assert [got[name][0] and got[name][0][0] for name in got] == [200, 200, None]
    assert got["icon"][1]


@pytest.mark.parametrize("path", ["/", f"/{RESULT_BUCKET}?list-type=2", f"/{RESULT_BUCKET}/secret.svg"])
def test_a_foreign_name_that_resolves_to_this_machine_gets_nothing(page: Page, filled: Service, path: str) -> None:
    for address in (filled.url, filled.s3_url):
        response = page.goto(f"http://{EVIL}:{address.rpartition(':')[2]}{path}")
        assert response is not None
        assert response.status == 421
        assert SECRET not in page.content()
