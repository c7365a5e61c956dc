"""Open the API of a service with a token, with a signature, or without authentication."""

from requests.auth import AuthBase

from pneumonia_cli.client.aws import Aws
from pneumonia_cli.client.errors import UsageProblem
from pneumonia_cli.client.service import Service
from pneumonia_cli.client.signing import Anonymous, Bearer, SigV4, region_of


def authenticate(url: str, aws: Aws, token: str | None, *, sign: bool = True) -> AuthBase:
    """Return the token if there is one, else a signature if the URL is a Function URL, else no authentication.

    Only a Function URL can check a signature. The local cloud, or a custom domain in front of the service, accepts a
    token or no authentication. `sign`: False sends no signature, for a service with auth `none`. Raises
    CredentialsError.
    """
    if token:
        return Bearer(token)
    region = region_of(url)
    if region is None or not sign:
        return Anonymous()
    return SigV4(aws.credentials(), region)


def open_service(url: str | None, aws: Aws, token: str | None, *, sign: bool = True, connections: int = 8) -> Service:
    """Return a client of the service at `url`. Raises UsageProblem without a URL, CredentialsError."""
    if url is None:
        raise UsageProblem("The URL of the service is not known. Specify --url.")
    return Service(url, authenticate(url, aws, token, sign=sign), connections=connections)
