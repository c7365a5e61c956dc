"""Send transactions to a FHIR server."""

import json
import os
import threading
from typing import Any, Final
from urllib.parse import urlsplit

import requests

TOKEN_VARIABLE: Final = "PNEUMONIA_FHIR_TOKEN"  # noqa: S105 - a name
"""Environment variable with the bearer token for the server. The token is never in a file or on a command line."""
_MEDIA_TYPE: Final = "application/fhir+json"
_ANSWER: Final = "transaction-response"
_PASSING: Final = frozenset({408, 409, 425, 429})
"""HTTP statuses below 500 after which another attempt can succeed."""


class BadAddress(Exception):
    """The address cannot be used. The message says why."""


class NotAccepted(Exception):
    """The server did not accept a transaction. The message does not quote it. `passing`: another attempt may help."""

    def __init__(self, message: str, *, passing: bool) -> None:
        super().__init__(message)
        self.passing = passing


class FhirServer:
    """The base URL of a server. Safe to share between threads.

    Sends one transaction at a time, since two at once could both create the Device of the same model. `ca`: a file of
    certificates to trust instead of the default ones. Redirects are not followed, since they could send patient data
    to any host.
    """

    def __init__(self, url: str, *, timeout_seconds: float = 30.0, ca: str = "") -> None:
        self._token = os.environ.get(TOKEN_VARIABLE, "").strip()  # secret files often end with a newline
        if not (self._token.isascii() and (self._token or "x").isprintable()):
            raise BadAddress(f"The token in {TOKEN_VARIABLE} must be one line of ASCII characters.")
        self._url = checked_url(url, with_token=bool(self._token))
        self._timeout_seconds = timeout_seconds
        self._verify: str | bool = ca or True
        self._lock = threading.Lock()
        self._session = requests.Session()
        self._session.auth = self._sign

    def post(self, transaction: bytes) -> bool:
        """Send a transaction. The server executes all of it or nothing. Raises NotAccepted.

        Returns False if the server already had all resources of the transaction.
        """
        headers = {"Content-Type": f"{_MEDIA_TYPE}; charset=utf-8", "Accept": _MEDIA_TYPE}
        try:
            with self._lock:
                response = self._session.post(
                    self._url,
                    data=transaction,
                    headers=headers,
                    timeout=self._timeout_seconds,
                    allow_redirects=False,
                    verify=self._verify,
                )
        except (requests.RequestException, OSError, ValueError) as error:  # ValueError: an invalid host name
            # The message of the error can quote the address with credentials in it.
            raise NotAccepted(f"Cannot reach the FHIR server ({type(error).__name__}).", passing=True) from None
        if response.status_code != 200:
            passing = response.status_code >= 500 or response.status_code in _PASSING
            raise NotAccepted(f"The FHIR server returned HTTP {response.status_code}.", passing=passing)
        statuses = _statuses(response)
        if len(statuses) != len(json.loads(transaction)["entry"]) or any(status[:1] != "2" for status in statuses):
            raise NotAccepted("The response of the FHIR server is not a transaction-response.", passing=True)
        return any(status[:3] == "201" for status in statuses)

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the token. requests calls this as its `auth`, since a .netrc file would replace a plain header."""
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def checked_url(url: str, *, with_token: bool) -> str:
    """Return the address without a slash at its end. Raises BadAddress, also if a token would be sent unencrypted."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # an invalid port raises ValueError too
    except ValueError:
        raise BadAddress(
            "The address of the FHIR server is not a valid URL. Specify its base URL, such as "
            "https://records.example/fhir."
        ) from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise BadAddress("Specify the FHIR server by its base URL, such as https://records.example/fhir.")
    if parts.username or parts.password:
        raise BadAddress(
            f"The address of the FHIR server must not contain a password. Set a token in {TOKEN_VARIABLE}."
        )
    if with_token and parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise BadAddress("The token is sent only over https. Specify an address of the FHIR server that uses https://.")
    return url.rstrip("/")


def _statuses(response: requests.Response) -> list[str]:
    """Return the status of each entry, or an empty list if the response does not answer a transaction."""
    try:
        answer: Any = response.json()
        return [str(entry["response"]["status"]) for entry in answer["entry"] if answer["type"] == _ANSWER]
    except (ValueError, KeyError, TypeError, RecursionError):
        return []
