"""A Function URL on this machine. It turns HTTP requests into Lambda events, and return values into HTTP responses.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html defines the payloads in both directions.
"""

import base64
import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from werkzeug.wrappers import Request, Response

from pneumonia_cli.local.lambda_context import LocalContext
from pneumonia_cli.local.names import HOST
from pneumonia_cli.local.preflight import add_headers, answer_preflight, is_preflight
from pneumonia_cli.local.wsgi_server import running
from pneumonia_cli.stack.cors import Cors

logger = logging.getLogger(__name__)

Handler = Callable[[Any, Any], Any]
Log = Callable[[str, str, int, float], None]
"""Called for each request with method, path, status and milliseconds."""

MAX_PAYLOAD_BYTES = 6 * 1024 * 1024
"""Largest event or response of a synchronous invocation, as JSON. Images in this JSON are base64.
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

_DRAIN_BYTES = 64 * 1024 * 1024
_TEXT_TYPES = frozenset({"application/json", "application/javascript", "application/xml"})


class FunctionUrl:
    """A WSGI application in front of a handler. Calls are serialised, as in one instance of a function.

    `cors` defines which pages of other origins may call, and the responses to their preflight requests. Without `cors`
    no page of another origin may call.
    """

    def __init__(
        self,
        handler: Handler,
        new_context: Callable[[], LocalContext],
        log: Log | None = None,
        cors: Cors | None = None,
    ) -> None:
        self._handler = handler
        self._new_context = new_context
        self._log = log
        self._cors = cors
        self._one_at_a_time = threading.Lock()

    @contextlib.contextmanager
    def running(self, port: int) -> Iterator[str]:
        """Serve on 127.0.0.1 during a `with` block. Yields the URL. Raises wsgi_server.PortInUse."""
        with running(Request.application(self.respond), port, admits=self._admits) as bound:
            yield f"http://{HOST}:{bound}"

    def respond(self, request: Request) -> Response:
        """Return the response to one request."""
        start = time.perf_counter()
        response = self._with_cors(request)
        if request.method == "HEAD":
            # The length of the omitted body is unknown, since the function does not return it.
            response.automatically_set_content_length = False
            del response.headers["Content-Length"]
        if self._log is not None:
            duration = (time.perf_counter() - start) * 1000
            self._log(request.method, request.path, response.status_code, duration)
        return response

    def _admits(self, origin: str, _method: str, _path: str) -> bool:
        return self._cors is not None and origin in self._cors.origins

    def _with_cors(self, request: Request) -> Response:
        if self._cors is None:
            return self._respond(request)
        if is_preflight(request):
            return answer_preflight(request, self._cors)
        response = self._respond(request)
        add_headers(request, response, self._cors)
        return response

    def _respond(self, request: Request) -> Response:
        body = _read(request)
        if body is None:
            return _too_large()
        context = self._new_context()
        event = build_event(request, body, context.aws_request_id)
        if len(json.dumps(event, ensure_ascii=False).encode()) > MAX_PAYLOAD_BYTES:
            return _too_large()
        with self._one_at_a_time:
            try:
                answer = json.dumps(self._handler(event, context))
            except Exception:  # the handler raised, or its return value cannot be written as JSON
                logger.exception("the function failed")
                return _bad_gateway()
        return build_response(answer)


def build_event(request: Request, body: bytes, request_id: str) -> dict[str, Any]:
    """Return the event of a request in payload format 2.0, as for a Function URL without authentication."""
    now = datetime.now(UTC)
    raw_path, _, raw_query = str(request.environ["RAW_URI"]).partition("?")
    domain = request.host
    source_ip = request.remote_addr or HOST
    headers = _headers(request) | {
        "x-forwarded-for": source_ip,
        "x-forwarded-port": domain.rpartition(":")[2],
        "x-forwarded-proto": request.scheme,
    }
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": raw_path,
        "rawQueryString": raw_query,
        "headers": headers,
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "local",
            "domainName": domain,
            "domainPrefix": "local",
            "http": {
                "method": request.method,
                "path": raw_path,
                "protocol": str(request.environ["SERVER_PROTOCOL"]),
                "sourceIp": source_ip,
                "userAgent": request.headers.get("User-Agent", ""),
            },
            "requestId": request_id,
            "routeKey": "$default",
            "stage": "$default",
            "time": now.strftime("%d/%b/%Y:%H:%M:%S +0000"),
            "timeEpoch": int(now.timestamp() * 1000),
        },
        "isBase64Encoded": False,
    }
    # AWS omits cookies, queryStringParameters and body if they are empty.
    if cookies := [cookie.strip() for cookie in request.headers.get("Cookie", "").split(";") if cookie.strip()]:
        event["cookies"] = cookies
    if raw_query:
        event["queryStringParameters"] = _query(raw_query)
    if body:
        is_text = _is_text(request.mimetype)
        event["isBase64Encoded"] = not is_text
        # As on AWS, bytes that are not UTF-8 are lost if the Content-Type is text.
        event["body"] = body.decode(errors="replace") if is_text else base64.b64encode(body).decode("ascii")
    return event


def build_response(answer: str) -> Response:
    """Return the HTTP response for the return value of a handler, given as JSON.

    A value without `statusCode` is the body of a 200. A value that breaks the format, or is larger than Lambda allows,
    gives a 502.
    """
    if len(answer.encode()) > MAX_PAYLOAD_BYTES:
        return _bad_gateway()
    value = json.loads(answer)
    if not isinstance(value, dict) or "statusCode" not in value:
        return Response(value if isinstance(value, str) else answer, content_type="application/json")
    try:
        return _from_format(value)
    except (TypeError, ValueError):  # a wrong type, or a body that is not base64 despite isBase64Encoded
        return _bad_gateway()


def _from_format(answer: Mapping[str, Any]) -> Response:
    status = int(answer["statusCode"])
    if not 100 <= status <= 599:
        raise ValueError("no HTTP status")
    body = answer.get("body") or ""
    if not isinstance(body, str):
        raise TypeError("body must be a string")
    data = base64.b64decode(body, validate=True) if answer.get("isBase64Encoded") else body.encode()
    response = Response(data, status)
    headers = {str(name).lower(): value for name, value in (answer.get("headers") or {}).items()}
    response.headers["Content-Type"] = str(headers.pop("content-type", "application/json"))
    headers.pop("content-length", None)  # the Response sets the length of the decoded body
    for name, value in headers.items():
        response.headers[name] = str(value)
    for cookie in answer.get("cookies") or []:
        response.headers.add("Set-Cookie", str(cookie))
    return response


def _read(request: Request) -> bytes | None:
    """Return the body, or None if it is larger than an event may be.

    A body that is too large is still read up to a limit. Otherwise the client would see a connection reset instead of
    the response.
    """
    body = request.stream.read(MAX_PAYLOAD_BYTES + 1)
    if len(body) <= MAX_PAYLOAD_BYTES:
        return bytes(body)
    left = _DRAIN_BYTES
    while left > 0 and (chunk := request.stream.read(64 * 1024)):
        left -= len(chunk)
    return None


def _headers(request: Request) -> dict[str, str]:
    """Return headers with names in lower case and repeated values joined by commas, without cookies."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        name = name.lower()
        if name != "cookie":
            headers[name] = f"{headers[name]},{value}" if name in headers else value
    return headers


def _query(raw_query: str) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for name, value in parse_qsl(raw_query, keep_blank_values=True):
        parameters[name] = f"{parameters[name]},{value}" if name in parameters else value
    return parameters


def _is_text(mimetype: str) -> bool:
    return mimetype.startswith("text/") or mimetype in _TEXT_TYPES


def _too_large() -> Response:
    message = f"Request must be smaller than {MAX_PAYLOAD_BYTES} bytes for the InvokeFunction operation"
    return _lambda_error(413, message, "RequestEntityTooLargeException")


def _bad_gateway() -> Response:
    return _lambda_error(502, "Internal Server Error", "InternalServerErrorException")


def _lambda_error(status: int, message: str, error_type: str) -> Response:
    """Return an error of Lambda itself, in the format of AWS. Errors of the function use problem+json."""
    response = Response(json.dumps({"message": message}), status, content_type="application/json")
    response.headers["x-amzn-ErrorType"] = error_type
    return response
