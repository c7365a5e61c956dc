"""Create the responses of routes, including JSON and problem documents."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from aws_lambda_powertools import Logger

from pneumonia.errors import MethodNotAllowed, PneumoniaError, Unauthorized, help_path, log_fields, problem, rejects

logger = Logger()

PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""No cache may keep responses, because they concern a patient's X-ray or the current state of the service."""

Headers = dict[str, str]


@dataclass(frozen=True)
class Response:
    """An HTTP response. A body of bytes is sent to Lambda as base64."""

    status_code: int
    content_type: str
    body: str | bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    def without_body(self) -> "Response":
        """Return the response to HEAD: the same headers without a body."""
        return replace(self, body="")

    def to_lambda(self) -> dict[str, Any]:
        """Return the response in the form that Lambda expects from the handler of a Function URL."""
        binary = isinstance(self.body, bytes)
        return {
            "statusCode": self.status_code,
            "headers": {"Content-Type": self.content_type, **self.headers},
            "body": base64.b64encode(self.body).decode("ascii") if isinstance(self.body, bytes) else self.body,
            "isBase64Encoded": binary,
        }


def json_response(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response with a JSON object that no cache keeps."""
    return Response(status, "application/json", json.dumps(body), {**PRIVATE, **(headers or {})})


def problem_response(error: Exception, request_id: str) -> Response:
    """Log an error and return its problem document (RFC 9457).

    The member `help` is the path of the section that explains the code. Responses to direct invokes have no `help`,
    because a path needs a host.
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
    """Log an error and return its problem document. The log has the traceback only if the service is at fault."""
    document = problem(error, request_id)
    if rejects(error) and isinstance(error, PneumoniaError):
        logger.info("refused", error_code=error.code, status=error.status)
    else:
        logger.error("failed", status=document["status"], **log_fields(error))
    return document
