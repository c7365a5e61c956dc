"""What every route takes and gives: a request, and answers as JSON or as problem documents."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aws_lambda_powertools import Logger

from pneumonia.errors import MethodNotAllowed, PneumoniaError, Unauthorized, log_fields, problem, rejects

logger = Logger()

PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""Answers speak of a patient's film, or of the state of this moment: no cache may keep them."""

Headers = dict[str, str]


@dataclass(frozen=True)
class Request:
    """One HTTP request, by the event of a Function URL (payload format 2.0). `parameters` are those of the path.

    Read here, and not by the resolver and the data classes of Powertools: those load asyncio, TLS and the events of
    forty services, a quarter of all that a prediction imports.
    """

    event: Mapping[str, Any]
    request_id: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def method(self) -> str:
        return str(self.event["requestContext"]["http"]["method"]).upper()

    @property
    def path(self) -> str:
        """As it came, not decoded: a parameter is one segment of it."""
        return str(self.event["rawPath"])

    @property
    def body(self) -> str | None:
        """As the event has it: base64 if `is_base64`."""
        return self.event.get("body")

    @property
    def is_base64(self) -> bool:
        return self.event.get("isBase64Encoded") is True

    @property
    def queries(self) -> Mapping[str, str]:
        """The query parameters; what was sent twice is joined by a comma."""
        return self.event.get("queryStringParameters") or {}

    def query(self, name: str) -> str | None:
        """A query parameter; None if it is absent."""
        return self.queries.get(name)

    def header(self, name: str) -> str:
        """A header by its name in any case; empty if it is absent."""
        headers: Mapping[str, str] = self.event.get("headers") or {}
        return next((value for key, value in headers.items() if key.lower() == name.lower()), "") or ""


@dataclass(frozen=True)
class Answer:
    """What goes back. A body of bytes travels as base64."""

    status_code: int
    content_type: str
    body: str | bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def to_lambda(self) -> dict[str, Any]:
        """In the form that Lambda wants of a Function URL's handler."""
        binary = isinstance(self.body, bytes)
        return {
            "statusCode": self.status_code,
            "headers": {"Content-Type": self.content_type, **self.headers},
            "body": base64.b64encode(self.body).decode("ascii") if isinstance(self.body, bytes) else self.body,
            "isBase64Encoded": binary,
        }


RouteFunction = Callable[[Request], Answer]


def json_answer(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """A JSON object that no cache keeps."""
    return Answer(status, "application/json", json.dumps(body), {**PRIVATE, **(headers or {})})


def problem_answer(error: Exception, request_id: str) -> Answer:
    """The problem document (RFC 9457) of an error, which is written to the log as well."""
    body = log_problem(error, request_id)
    headers: Headers = dict(PRIVATE)
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(error.allow)
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return Answer(body["status"], "application/problem+json", json.dumps(body), headers)


def log_problem(error: Exception, request_id: str) -> dict[str, Any]:
    """Log an error, with its traceback's places only if it is ours; its problem document."""
    document = problem(error, request_id)
    if rejects(error) and isinstance(error, PneumoniaError):
        logger.info("refused", error_code=error.code, status=error.status)
    else:
        logger.error("failed", status=document["status"], **log_fields(error))
    return document
