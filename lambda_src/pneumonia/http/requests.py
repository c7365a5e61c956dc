"""An HTTP request, read from the event of a Function URL."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pneumonia.errors import MalformedRequest
from pneumonia.http.bodies import content_of, json_of

PLAIN_NAME = re.compile(r"[A-Za-z][\w-]{0,19}", re.ASCII)
"""Names of parameters and fields that messages may repeat. Longer or unusual names could contain anything."""

MAX_JSON_BYTES = 1_000_000
_JSON = "Send a JSON object."


@dataclass(frozen=True)
class Request:
    """An HTTP request from the event of a Function URL (payload format 2.0). `parameters`: the path parameters.

    This class replaces the resolver and the data classes of Powertools. Powertools would load asyncio, TLS and the
    event classes of forty services: a quarter of a prediction's imports.
    """

    event: Mapping[str, Any]
    request_id: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def method(self) -> str:
        return str(self.event["requestContext"]["http"]["method"]).upper()

    @property
    def path(self) -> str:
        """The path as received, not decoded. Each path parameter is one segment."""
        return str(self.event["rawPath"])

    @property
    def body(self) -> str | None:
        """The body as in the event: base64 if `is_base64`."""
        return self.event.get("body")

    @property
    def is_base64(self) -> bool:
        return self.event.get("isBase64Encoded") is True

    @property
    def queries(self) -> Mapping[str, str]:
        """The query parameters. The values of a repeated parameter are joined by a comma."""
        return self.event.get("queryStringParameters") or {}

    def query(self, name: str) -> str | None:
        """Return a query parameter; None if it is absent."""
        return self.queries.get(name)

    def header(self, name: str) -> str:
        """Return a header by its name in any case; empty if it is absent."""
        headers: Mapping[str, str] = self.event.get("headers") or {}
        return next((value for key, value in headers.items() if key.lower() == name.lower()), "") or ""


def is_function_url_event(event: Any) -> bool:
    """Return True for a Function URL event (payload format 2.0), False for the event of a direct invoke."""
    return isinstance(event, dict) and "rawPath" in event and isinstance(event.get("requestContext"), dict)


def json_body(request: Request) -> dict[str, Any]:
    """Return the JSON object in the body of a request with any Content-Type.

    Raises MalformedRequest and the errors of `content_of`.
    """
    content = content_of(
        request.body,
        is_base64=request.is_base64,
        content_encoding=request.header("content-encoding"),
        max_bytes=MAX_JSON_BYTES,
        how=_JSON,
    )
    if not content:
        raise MalformedRequest(f"The request has no body. {_JSON}")
    value = json_of(content, _JSON)
    if not isinstance(value, dict):
        raise MalformedRequest(f"The JSON must be an object. {_JSON}")
    return value
