"""What every route returns: a response, as JSON or as a problem document."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from aws_lambda_powertools import Logger

from pneumonia.errors import MethodNotAllowed, PneumoniaError, Unauthorized, help_path, log_fields, problem, rejects

logger = Logger()

PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""Responses speak of a patient's film, or of the state of this moment: no cache may keep them."""

Headers = dict[str, str]


@dataclass(frozen=True)
class Response:
    """What goes back over HTTP. A body of bytes travels as base64."""

    status_code: int
    content_type: str
    body: str | bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def without_body(self) -> "Response":
        """The same headers and no body, as HEAD wants it."""
        return replace(self, body="")

    def to_lambda(self) -> dict[str, Any]:
        """In the form that Lambda wants of a Function URL's handler."""
        binary = isinstance(self.body, bytes)
        return {
            "statusCode": self.status_code,
            "headers": {"Content-Type": self.content_type, **self.headers},
            "body": base64.b64encode(self.body).decode("ascii") if isinstance(self.body, bytes) else self.body,
            "isBase64Encoded": binary,
        }


def json_response(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON object that no cache keeps."""
    return Response(status, "application/json", json.dumps(body), {**PRIVATE, **(headers or {})})


def problem_response(error: Exception, request_id: str) -> Response:
    """The problem document (RFC 9457) of an error, which is written to the log as well.

    It has the member `help`, a link to the explanation of its code. A direct invoke gets none: it has no host to which
    a path could belong.
    """
    body = log_problem(error, request_id)
    body["help"] = help_path(body["code"])
    headers: Headers = dict(PRIVATE)
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(error.allow)
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return Response(body["status"], "application/problem+json", json.dumps(body), headers)


def log_problem(error: Exception, request_id: str) -> dict[str, Any]:
    """Log an error, with its traceback's places only if it is ours; its problem document."""
    document = problem(error, request_id)
    if rejects(error) and isinstance(error, PneumoniaError):
        logger.info("refused", error_code=error.code, status=error.status)
    else:
        logger.error("failed", status=document["status"], **log_fields(error))
    return document
