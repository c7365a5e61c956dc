"""The HTTP API of the service: direct predictions, uploads of large images, results, the model card."""

import threading
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.util import Retry

from pneumonia.decode.formats import sniff
from pneumonia.errors import PneumoniaError
from pneumonia_cli.client import output
from pneumonia_cli.client.errors import CredentialsError, NetworkError, Refused, ServiceError
from pneumonia_cli.client.signing import is_loopback

MAX_DIRECT_BYTES = 4_500_000
"""Larger images go by upload: Lambda takes 6 MB of JSON, in which an image is base64."""

# What speaks of the image. All other errors are of the request, the service or the credentials.
_IMAGE_STATUSES = frozenset({400, 413, 415, 422})
_NOT_OF_THE_IMAGE = frozenset({"malformed_request", "url_not_allowed"})

# Trying again is safe for every call: a prediction twice is the same, an upload twice is a second id.
_TRY_AGAIN = (429, 502, 503, 504)
_TIMEOUT = (10, 90)  # seconds to connect, and without a byte: a cold start included
_POLL_SECONDS = 2.0

# A function of a container image that was idle for weeks is inactive. Its first calls fail until Lambda has the image
# again, which takes up to minutes.
_INACTIVE = "CodeArtifactUserPendingException"
_ERROR_TYPE = "x-amzn-ErrorType"
_WAKING_SECONDS = 300.0
_WAKING_EVERY_SECONDS = 5.0

Sleep = Callable[[float], None]


class Service:
    """One service at a URL. Safe to share between threads."""

    def __init__(
        self, url: str, auth: AuthBase, *, connections: int = 8, retries: int = 4, sleep: Sleep = time.sleep
    ) -> None:
        self.url = url
        self._auth = auth
        self._connections = connections
        self._retries = retries
        self._sleep = sleep
        self._local = threading.local()
        self._sessions: list[requests.Session] = []

    def __enter__(self) -> "Service":
        return self

    def __exit__(self, *_error: object) -> None:
        for session in self._sessions:
            session.close()

    def predict(self, data: bytes, *, heatmap: bool, force: bool = False) -> dict[str, Any]:
        """POST /predict: the answer. Raises Refused, ServiceError."""
        query = "&".join(f"{name}=true" for name, chosen in (("heatmap", heatmap), ("force", force)) if chosen)
        response = self.send(
            "POST",
            f"/predict?{query}" if query else "/predict",
            body=data,
            headers={"Content-Type": "application/octet-stream"},
        )
        return self._json(response)

    def card(self) -> dict[str, Any]:
        """GET /model: the model card. Raises ServiceError."""
        return self._json(self.send("GET", "/model"))

    def upload(self, data: bytes, *, force: bool = False) -> str:
        """POST /uploads and the upload itself; answers the path of the result. Raises Refused, ServiceError."""
        response = self.send("POST", "/uploads", json={"content_type": content_type(data), "force": force})
        ticket = self._json(response)
        try:
            form, result, limit = ticket["upload"], str(ticket["result"]), int(ticket["max_bytes"])
            url, fields = str(form["url"]), {str(name): str(value) for name, value in form["fields"].items()}
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ServiceError(f"{self.url} gave no upload that this version understands.") from None
        if len(data) > limit:
            detail = f"The image has {len(data)} bytes, the limit is {limit}. Use a smaller file."
            raise Refused("too_large", "The image is too large", detail, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if urlsplit(url).scheme != "https" and not is_loopback(url):
            raise ServiceError("The service wants the image sent without encryption: not done.")
        self._post_form(url, fields, data)
        return result

    def result(self, path: str, *, patience_seconds: float, sleep: Sleep = time.sleep) -> dict[str, Any]:
        """GET /results/{id} until it is there. Raises Refused for a rejected image, ServiceError."""
        deadline = time.monotonic() + patience_seconds
        while True:
            response = self.send("GET", path)
            if response.status_code != HTTPStatus.ACCEPTED:
                break
            wait = _retry_after(response.headers)
            if time.monotonic() + wait > deadline:
                raise ServiceError(
                    f"No result came for {patience_seconds:g} s. The upload may be in the dead-letter queue: "
                    "see `pneumonia redrive --help`."
                )
            sleep(wait)
        answer = self._json(response)
        if answer.get("status") == "rejected":
            raise Refused(str(answer["code"]), str(answer["title"]), str(answer["detail"]))
        return answer

    def heatmap(self, path: str) -> bytes | None:
        """GET /results/{id}/heatmap.png. None if there is none."""
        response = self.send("GET", f"{path}/heatmap.png")
        if response.status_code == HTTPStatus.NOT_FOUND:
            return None
        if response.status_code != HTTPStatus.OK:
            self._json(response)
        return response.content

    def send(
        self,
        method: str,
        path: str,
        *,
        body: bytes | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> requests.Response:
        """One request, authenticated; any answer is given back as it is. Raises NetworkError.

        Where the function was idle for weeks, the request is sent again until it is ready, for up to five minutes.
        Raises ServiceError if it is not ready then.

        `path` begins with a slash. It is put behind the URL and never taken for a URL itself: whatever it is,
        no credentials go to another host.
        """
        if not path.startswith("/"):
            raise ServiceError("A path of the service begins with a slash.")
        for attempt in range(1 + int(_WAKING_SECONDS / _WAKING_EVERY_SECONDS)):
            response = self._once(method, path, body, json, headers)
            if not _is_inactive(response):
                return response
            if attempt == 0:
                output.stderr.print("The function has not been used for weeks. Lambda makes it ready again: minutes …")
            self._sleep(_WAKING_EVERY_SECONDS)
        raise ServiceError(
            f"{self.url} is still not ready after {_WAKING_SECONDS:.0f} seconds: Lambda fetches the image of a "
            "function that has not been used for weeks. Try again in a few minutes."
        )

    def _once(
        self, method: str, path: str, body: bytes | None, json: Any, headers: Mapping[str, str] | None
    ) -> requests.Response:
        try:
            return self._session().request(
                method,
                self.url + path,
                data=body,
                json=json,
                headers=dict(headers or {}),
                auth=self._auth,
                timeout=_TIMEOUT,
                # A service of ours never redirects, and credentials are for it alone.
                allow_redirects=False,
            )
        except requests.RequestException as error:
            hint = " Is `pneumonia serve` running?" if is_loopback(self.url) else " Check the network and the URL."
            raise NetworkError(f"No connection to {self.url} ({_reason(error)}).{hint}") from error

    def _post_form(self, url: str, fields: Mapping[str, str], data: bytes) -> None:
        try:
            response = self._session().post(
                url,
                data=fields,
                files={"file": ("image", data, fields.get("Content-Type", ""))},
                timeout=_TIMEOUT,
                allow_redirects=False,
            )
        except requests.RequestException as error:
            raise NetworkError(f"The upload did not come through ({_reason(error)}).") from error
        if not response.ok:
            raise ServiceError(f"S3 refused the upload (HTTP {response.status_code}).")

    def _session(self) -> requests.Session:
        """One for each thread: a Session is not made to be shared."""
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            # A proxy of the network cannot reach this machine's own ports.
            session.trust_env = not is_loopback(self.url)
            retry = Retry(
                total=self._retries,
                connect=1,  # nobody there is told at once
                backoff_factor=0.5,
                status_forcelist=_TRY_AGAIN,
                allowed_methods=None,
                raise_on_status=False,
            )
            adapter = HTTPAdapter(max_retries=retry, pool_maxsize=self._connections)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            self._local.session = session
            self._sessions.append(session)  # atomic
        return session

    def _json(self, response: requests.Response) -> dict[str, Any]:
        """The JSON object of a success. Raises Refused, CredentialsError, ServiceError."""
        document = _object(response)
        status = response.status_code
        if response.ok and document is not None:
            return document
        problem = document or {}
        code, title = str(problem.get("code", "")), str(problem.get("title", ""))
        detail = str(problem.get("detail", ""))
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise CredentialsError(
                f"{self.url} refused the credentials (HTTP {status}). With auth `token`, give --token or "
                "PNEUMONIA_TOKEN; with auth `iam`, AWS credentials that may use lambda:InvokeFunctionUrl and "
                "lambda:InvokeFunction on it."
            )
        if status in _IMAGE_STATUSES and code and code not in _NOT_OF_THE_IMAGE:
            raise Refused(code, title, detail, status)
        told = (
            f"{title}. {detail} (request_id {problem.get('request_id', 'unknown')})"
            if code
            else "not an answer of ours"
        )
        raise ServiceError(f"{self.url} answered HTTP {status}: {told}")


def content_type(data: bytes) -> str:
    """The media type of an image by its first bytes. Raises Refused."""
    try:
        name = sniff(data).name
    except PneumoniaError as error:
        raise Refused.of(error) from None
    return "application/dicom" if name == "DICOM" else f"image/{name.lower()}"


def _object(response: requests.Response) -> dict[str, Any] | None:
    try:
        value = response.json()
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _is_inactive(response: requests.Response) -> bool:
    """Whether it is Lambda that speaks, of a function that is inactive. The service itself never answers 409."""
    if response.headers.get(_ERROR_TYPE, "").startswith(_INACTIVE):
        return True
    return response.status_code == HTTPStatus.CONFLICT and _INACTIVE in response.text


def _retry_after(headers: Mapping[str, str]) -> float:
    value = headers.get("Retry-After", "")
    return min(float(value), 60.0) if value.isdecimal() else _POLL_SECONDS


def _reason(error: requests.RequestException) -> str:
    """The kind of failure: texts of requests repeat whole URLs, which can hold a signature."""
    return {
        "ConnectTimeout": "timed out while connecting",
        "ReadTimeout": "timed out while waiting for the answer",
        "SSLError": "the TLS certificate is not trusted",
        "ProxyError": "the proxy refused",
    }.get(type(error).__name__, "connection failed")
