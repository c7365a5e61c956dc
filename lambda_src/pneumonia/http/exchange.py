"""What every route takes and gives: a request, and answers as JSON or as problem documents."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import LambdaFunctionUrlEvent

from pneumonia.errors import MethodNotAllowed, PneumoniaError, Unauthorized, log_fields, problem, rejects

logger = Logger()

PRIVATE = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""Answers speak of a patient's film, or of the state of this moment: no cache may keep them."""

Headers = dict[str, str | list[str]]


@dataclass(frozen=True)
class Request:
    """One HTTP request. `parameters` are those of the path."""

    event: LambdaFunctionUrlEvent
    request_id: str
    parameters: Mapping[str, str] = field(default_factory=dict)

    def query(self, name: str) -> str | None:
        """A query parameter; None if it is absent."""
        return self.event.query_string_parameters.get(name)

    def header(self, name: str) -> str:
        """A header by its name in any case; empty if it is absent."""
        return self.event.headers.get(name) or ""


Answer = Response[Any]
RouteFunction = Callable[[Request], Answer]


def json_answer(body: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """A JSON object that no cache keeps."""
    return Response(status, "application/json", json.dumps(body), {**PRIVATE, **(headers or {})})


def problem_answer(error: Exception, request_id: str) -> Answer:
    """The problem document (RFC 9457) of an error, which is written to the log as well."""
    body = log_problem(error, request_id)
    headers: Headers = dict(PRIVATE)
    if isinstance(error, MethodNotAllowed):
        headers["Allow"] = ", ".join(error.allow)
    if isinstance(error, Unauthorized):
        headers["WWW-Authenticate"] = "Bearer"
    return Response(body["status"], "application/problem+json", json.dumps(body), headers)


def raw_answer(answer: Answer) -> dict[str, Any]:
    """An answer with a text body as Lambda wants it, where the resolver does not come to it."""
    return {
        "statusCode": answer.status_code,
        "headers": {"Content-Type": answer.content_type, **answer.headers},
        "body": answer.body,
        "isBase64Encoded": False,
    }


def log_problem(error: Exception, request_id: str) -> dict[str, Any]:
    """Log an error, with its traceback's places only if it is ours; its problem document."""
    document = problem(error, request_id)
    if rejects(error) and isinstance(error, PneumoniaError):
        logger.info("refused", error_code=error.code, status=error.status)
    else:
        logger.error("failed", status=document["status"], **log_fields(error))
    return document
