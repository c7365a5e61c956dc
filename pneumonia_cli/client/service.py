"""A client of the service's HTTP API: direct predictions, uploads of large images, results, the model card."""

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
from pneumonia_cli.client.errors import UPDATE, CredentialsError, NetworkError, Refused, ServiceError
from pneumonia_cli.client.signing import is_loopback

MAX_DIRECT_BYTES = 4_500_000
"""Larger images are uploaded, because Lambda accepts 6 MB of JSON, and base64 makes an image a third larger."""

# Errors about the image. All other errors are about the request, the service or the credentials.
_IMAGE_STATUSES = frozenset({400, 413, 415, 422})
_NOT_OF_THE_IMAGE = frozenset({"malformed_request", "url_not_allowed"})

# Every call can be repeated safely: a second prediction is the same, a second upload gets another id.
_TRY_AGAIN = (429, 502, 503, 504)
_TIMEOUT = (10, 90)  # seconds to connect, and seconds to wait for a byte, including a cold start
_POLL_SECONDS = 2.0

# A container image function that was idle for weeks is inactive. Its first calls fail until Lambda has loaded the image
# again, which can take minutes.
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
        """POST /predict and return the prediction. Raises Refused, ServiceError."""
        query = "&".join(f"{name}=true" for name, chosen in (("heatmap", heatmap), ("force", force)) if chosen)
        response = self.send(
            "POST",
            f"/predict?{query}" if query else "/predict",
            body=data,
            headers={"Content-Type": "application/octet-stream"},
        )
        return self._json(response)

    def card(self) -> dict[str, Any]:
        """GET /model and return the model card. Raises ServiceError."""
        return self._json(self.send("GET", "/model"))

    def upload(self, data: bytes, *, force: bool = False) -> str:
        """POST /uploads, upload the image, and return the path of the result. Raises Refused, ServiceError."""
        response = self.send("POST", "/uploads", json={"content_type": content_type(data), "force": force})
        ticket = self._json(response)
        try:
            form, result, limit = ticket["upload"], str(ticket["result"]), int(ticket["max_bytes"])
            url, fields = str(form["url"]), {str(name): str(value) for name, value in form["fields"].items()}
        except (KeyError, TypeError, ValueError, AttributeError):
            raise ServiceError(f"{self.url} returned an upload form that this version cannot read. {UPDATE}") from None
        if len(data) > limit:
            detail = f"The image has {len(data)} bytes. The limit is {limit}. Use a smaller file."
            raise Refused("too_large", "The image is too large", detail, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        if urlsplit(url).scheme != "https" and not is_loopback(url):
            raise ServiceError(
                "The service returned an upload URL without https, so the image was not sent. Check the URL of the "
                "service."
            )
        self._post_form(url, fields, data)
        return result

    def result(self, path: str, *, patience_seconds: float, sleep: Sleep = time.sleep) -> dict[str, Any]:
        """GET /results/{id} until there is a result. Raises Refused for a rejected image, ServiceError."""
        deadline = time.monotonic() + patience_seconds
        while True:
            response = self.send("GET", path)
            if response.status_code != HTTPStatus.ACCEPTED:
                break
            wait = _retry_after(response.headers)
            if time.monotonic() + wait > deadline:
                raise ServiceError(
                    f"No result after {patience_seconds:g} s. The upload may be in the dead-letter queue: see "
                    "`pneumonia redrive --help`."
                )
            sleep(wait)
        answer = self._json(response)
        if answer.get("status") == "rejected":
            raise Refused(str(answer["code"]), str(answer["title"]), str(answer["detail"]))
        return answer

    def heatmap(self, path: str) -> bytes | None:
        """GET /results/{id}/heatmap.png and return the PNG, or None if the result has no heatmap."""
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
        """Send one authenticated request and return the response, with any status. Raises NetworkError.

        If the function was idle for weeks, the request is repeated for up to five minutes until the function is active.
        Raises ServiceError if it is still inactive then.

        `path` must start with a slash. It is appended to the URL and never used as a URL, so that no path can send the
        credentials to another host.
        """
        if not path.startswith("/"):
            raise ServiceError("A path of the service must start with a slash.")
        for attempt in range(1 + int(_WAKING_SECONDS / _WAKING_EVERY_SECONDS)):
            response = self._once(method, path, body, json, headers)
            if not _is_inactive(response):
                return response
            if attempt == 0:
                output.stderr.print(
                    "The function was not used for weeks. Lambda is activating it, which can take minutes …"
                )
            self._sleep(_WAKING_EVERY_SECONDS)
        raise ServiceError(
            f"{self.url} is still not active after {_WAKING_SECONDS:.0f} seconds. Lambda is loading the container of a "
            "function that was not used for weeks. Try again in a few minutes."
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
                # The service never redirects, and the credentials are only for the service.
                allow_redirects=False,
            )
        except requests.RequestException as error:
            hint = (
                "Check that `pneumonia serve` is running."
                if is_loopback(self.url)
                else "Check the network and the URL."
            )
            raise NetworkError(f"No connection to {self.url} ({_reason(error)}). {hint}") from error

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
            raise NetworkError(f"The upload failed ({_reason(error)}). Try again.") from error
        if not response.ok:
            raise ServiceError(f"S3 refused the upload (HTTP {response.status_code}). Try again.")

    def _session(self) -> requests.Session:
        """Return the session of this thread. Threads cannot share a Session."""
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = requests.Session()
            # Ignore the proxy in the environment variables, because it cannot reach the ports of this machine.
            session.trust_env = not is_loopback(self.url)
            retry = Retry(
                total=self._retries,
                connect=1,  # report an unreachable service quickly
                backoff_factor=0.5,
                status_forcelist=_TRY_AGAIN,
                allowed_methods=None,
                raise_on_status=False,
            )
            adapter = HTTPAdapter(max_retries=retry, pool_maxsize=self._connections)
            session.mount("https://", adapter)
            session.mount("http://", adapter)
            self._local.session = session
            self._sessions.append(session)  # list.append is thread-safe
        return session

    def _json(self, response: requests.Response) -> dict[str, Any]:
        """Return the JSON object of a successful answer. Raises Refused, CredentialsError, ServiceError."""
        document = _object(response)
        status = response.status_code
        if response.ok and document is not None:
            return document
        problem = document or {}
        code, title = str(problem.get("code", "")), str(problem.get("title", ""))
        detail = str(problem.get("detail", ""))
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise CredentialsError(
                f"{self.url} refused the credentials (HTTP {status}). For auth `token`, specify --token or "
                "PNEUMONIA_TOKEN. For auth `iam`, use AWS credentials with the permissions lambda:InvokeFunctionUrl "
                "and lambda:InvokeFunction on the function."
            )
        if status in _IMAGE_STATUSES and code and code not in _NOT_OF_THE_IMAGE:
            raise Refused(code, title, detail, status)
        told = (
            f"{title}. {detail} (request_id {problem.get('request_id', 'unknown')})"
            if code
            else "this is not a response of the service. Check the URL."
        )
        raise ServiceError(f"{self.url} returned HTTP {status}: {told}")


def content_type(data: bytes) -> str:
    """Return the media type of an image from its first bytes. Raises Refused."""
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
    """Return whether Lambda reports an inactive function. The service never returns 409."""
    if response.headers.get(_ERROR_TYPE, "").startswith(_INACTIVE):
        return True
    return response.status_code == HTTPStatus.CONFLICT and _INACTIVE in response.text


def _retry_after(headers: Mapping[str, str]) -> float:
    value = headers.get("Retry-After", "")
    return min(float(value), 60.0) if value.isdecimal() else _POLL_SECONDS


def _reason(error: requests.RequestException) -> str:
    """Return the kind of failure. The messages of requests contain whole URLs, which can include a signature."""
    return {
        "ConnectTimeout": "timed out while connecting",
        "ReadTimeout": "timed out while waiting for the response",
        "SSLError": "the TLS certificate is not trusted",
        "ProxyError": "the proxy refused",
    }.get(type(error).__name__, "connection failed")
