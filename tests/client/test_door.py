import pytest

from pneumonia_cli.client.aws import Aws
from pneumonia_cli.client.door import authenticate, open_service
from pneumonia_cli.client.errors import CredentialsError, UsageProblem
from pneumonia_cli.client.signing import Anonymous, Bearer, SigV4

FUNCTION_URL = "https://abc.lambda-url.eu-central-1.on.aws"
ANYWHERE = "https://viewer.example.org"


@pytest.mark.parametrize(
    ("url", "token", "sign", "kind"),
    [
        (FUNCTION_URL, None, True, SigV4),
        (FUNCTION_URL, "t", True, Bearer),
        (FUNCTION_URL, None, False, Anonymous),
        (ANYWHERE, None, True, Anonymous),
        (ANYWHERE, "t", True, Bearer),
    ],
)
def test_token_then_signature_then_nothing(url: str, token: str | None, sign: bool, kind: type) -> None:
    with Aws(region="eu-central-1", keys=("testing", "testing")) as aws:
        assert type(authenticate(url, aws, token, sign=sign)) is kind


def test_a_signature_needs_credentials() -> None:
    with Aws(region="eu-central-1") as aws, pytest.raises(CredentialsError, match="aws sso login"):
        authenticate(FUNCTION_URL, aws, None)


def test_no_url() -> None:
    with Aws(region="eu-central-1") as aws, pytest.raises(UsageProblem):
        open_service(None, aws, None)
