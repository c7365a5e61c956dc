"""A FHIR server that takes transactions."""

import os
import threading
from typing import Any, Final
from urllib.parse import urlsplit

import requests

TOKEN_VARIABLE: Final = "PNEUMONIA_FHIR_TOKEN"  # noqa: S105 - a name
"""Environment variable with the bearer token for the server. It stands in no file and on no command line."""
_MEDIA_TYPE: Final = "application/fhir+json"
_PASSING: Final = frozenset({408, 409, 425, 429})
"""HTTP statuses below 500 after which another attempt can succeed."""


class BadAddress(Exception):
    """The address cannot be used; the message says why."""


class NotAccepted(Exception):
    """The server did not take a transaction. The message quotes nothing of it; `passing`: another attempt can help."""

    def __init__(self, message: str, *, passing: bool) -> None:
        super().__init__(message)
        self.passing = passing


class FhirServer:
    """The base URL of a server. Safe to share between threads.

    One transaction at a time: two at once could each create the Device of the same model. `ca`: a file of certificates
    to trust, where it is not one that everybody trusts. Redirects are not followed: they could lead patients' data
    anywhere.
    """

    def __init__(self, url: str, *, timeout_seconds: float = 30.0, ca: str = "") -> None:
        self._token = os.environ.get(TOKEN_VARIABLE, "")
        self._url = checked_url(url, with_token=bool(self._token))
        self._timeout_seconds = timeout_seconds
        self._verify: str | bool = ca or True
        self._lock = threading.Lock()
        self._session = requests.Session()
        self._session.auth = self._sign

    def post(self, transaction: bytes) -> None:
        """Have a transaction carried out, as a whole or not at all. Raises NotAccepted."""
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
        except (requests.RequestException, OSError) as error:
            # The message of the error can quote the address, credentials in it included.
            raise NotAccepted(f"The FHIR server was not reached ({type(error).__name__}).", passing=True) from None
        if response.status_code != 200:
            passing = response.status_code >= 500 or response.status_code in _PASSING
            raise NotAccepted(f"The FHIR server answered HTTP {response.status_code}.", passing=passing)
        if not _is_success(response):
            raise NotAccepted("The FHIR server's answer is no transaction-response.", passing=True)

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """As an `auth` of requests: a header alone would be replaced by what a .netrc says."""
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def checked_url(url: str, *, with_token: bool) -> str:
    """The address without a slash at its end. Raises BadAddress, also where a token would go in the clear."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise BadAddress("The FHIR server must be an address such as https://records.example/fhir.")
    if parts.username or parts.password:
        raise BadAddress(f"The address of the FHIR server must hold no password: give a token in {TOKEN_VARIABLE}.")
    if with_token and parts.scheme != "https" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
        raise BadAddress("A token for the FHIR server needs an address that begins with https://.")
    return url.rstrip("/")


def _is_success(response: requests.Response) -> bool:
    try:
        answer: Any = response.json()
        statuses = [str(entry["response"]["status"]) for entry in answer["entry"]]
        return bool(statuses) and answer["type"] == "transaction-response" and all(s[:1] == "2" for s in statuses)
    except (ValueError, KeyError, TypeError):
        return False
