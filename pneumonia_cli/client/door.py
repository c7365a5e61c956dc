"""Opens the API of a service: by token, by signature, or with nothing."""

from requests.auth import AuthBase

from pneumonia_cli.client.aws import Aws
from pneumonia_cli.client.errors import UsageProblem
from pneumonia_cli.client.service import Service
from pneumonia_cli.client.signing import Anonymous, Bearer, SigV4, region_of


def authenticate(url: str, aws: Aws, token: str | None, *, sign: bool = True) -> AuthBase:
    """A token if there is one; else a signature where the URL is a Function URL; else nothing.

    Only a Function URL can check a signature: the local cloud, or a name of one's own in front of the
    service, takes a token or nothing. `sign` False leaves the signature out, for a service with auth `none`.
    Raises CredentialsError.
    """
    if token:
        return Bearer(token)
    region = region_of(url)
    if region is None or not sign:
        return Anonymous()
    return SigV4(aws.credentials(), region)


def open_service(url: str | None, aws: Aws, token: str | None, *, sign: bool = True, connections: int = 8) -> Service:
    """The service at a resolved URL."""
    if url is None:
        raise UsageProblem("The URL of the service is not known: give --url.")
    return Service(url, authenticate(url, aws, token, sign=sign), connections=connections)
