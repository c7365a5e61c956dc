"""Function URLs and queue pollers of a deployed stack, and the response URLs of custom resources.

On AWS, these connect the internet and the queue with the functions. Here they are threads of this process, which invoke
the functions through the Lambda API.
"""

import contextlib
import io
import json
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

from botocore.credentials import Credentials
from werkzeug.wrappers import Request, Response

from pneumonia_cli.local.cloud import Cloud
from pneumonia_cli.local.function_url import FunctionUrl
from pneumonia_cli.local.lambda_context import LocalContext
from pneumonia_cli.local.names import ACCOUNT, HOST
from pneumonia_cli.local.wsgi_server import running
from rehearsal.api import call, client
from rehearsal.gates import Gate, GatedPoller
from rehearsal.signatures import is_signed

Front = Callable[[Request], Response]


class FunctionFailed(Exception):
    """The function raised. The message is Lambda's description of the error."""


class Doors:
    """All open Function URLs and pollers, by the name that `close` takes."""

    def __init__(self, endpoint_url: str, credentials: Credentials) -> None:
        """`credentials`: a Function URL with IAM authentication accepts only requests signed with them."""
        self._endpoint_url = endpoint_url
        self._credentials = credentials
        self._open: dict[str, contextlib.ExitStack] = {}
        self._fronts: dict[str, list[Front]] = {}
        self._gates: defaultdict[str, Gate] = defaultdict(Gate)
        self._responses: dict[str, dict[str, Any]] = {}
        self._responses_url = ""

    @contextlib.contextmanager
    def standing(self) -> Iterator["Doors"]:
        """Allow doors to be opened during a `with` block. All are closed at its end."""
        with running(Request.application(self._receive), 0) as port:
            self._responses_url = f"http://{HOST}:{port}"
            try:
                yield self
            finally:
                for name in list(self._open):
                    self.close(name)

    def open(self, function: str, auth_type: str) -> str:
        """Open a Function URL for a function (ARN, with or without an alias), and return the URL."""
        fronts: list[Front] = []
        app = Request.application(lambda request: fronts[-1](request))
        with contextlib.ExitStack() as opened:
            url = f"http://{HOST}:{opened.enter_context(running(app, 0))}"
            self._open[url] = opened.pop_all()
        self._fronts[url] = fronts
        self.lead(url, function, auth_type)
        return url

    def lead(self, url: str, function: str, auth_type: str) -> None:
        """Point an open Function URL to this function, with this authentication."""
        handler, new_context = handler_of(function), self._context_of(function)
        if auth_type == "AWS_IAM":
            front = behind_signatures(handler, new_context, self._credentials)
        else:
            front = FunctionUrl(handler, new_context).respond
        self._fronts[url].append(front)

    def poll(self, queue_arn: str, function: str, batch_size: int) -> str:
        """Deliver a queue to a function, as an event source mapping does, and return the id of the mapping."""
        queue_url = call("sqs", "get_queue_url", QueueName=queue_arn.rpartition(":")[2])["QueueUrl"]
        cloud = Cloud(self._endpoint_url, client("s3"), client("sqs"), queue_url, queue_arn, dead_letter_queue_url="")
        gate = self._gates[_name_of(queue_url)]
        poller = GatedPoller(cloud, handler_of(function), self._context_of(function), batch_size, gate)
        name = str(uuid.uuid4())
        with contextlib.ExitStack() as opened:
            opened.enter_context(poller.running())
            self._open[name] = opened.pop_all()
        return name

    def shut(self, queue_url: str) -> contextlib.AbstractContextManager[None]:
        """Stop deliveries of this queue during a `with` block, even if the stack is deployed meanwhile."""
        return self._gates[_name_of(queue_url)].shut()

    def close(self, name: str) -> None:
        """Close the URL or mapping that `open` or `poll` returned."""
        self._open.pop(name).close()

    def response_url(self, request_id: str) -> str:
        """Return the address to which the handler of a custom resource must PUT its response."""
        return f"{self._responses_url}/{request_id}"

    def response(self, request_id: str) -> dict[str, Any] | None:
        """Return the response of the handler, or None if there is none."""
        return self._responses.pop(request_id, None)

    def _receive(self, request: Request) -> Response:
        self._responses[request.path.lstrip("/")] = json.loads(request.get_data())
        return Response()

    def _context_of(self, function: str) -> Callable[[], LocalContext]:
        def new_context() -> LocalContext:
            settings = call("lambda", "get_function_configuration", FunctionName=function)
            return LocalContext(settings["FunctionName"], settings["Timeout"], settings["MemorySize"])

        return new_context


def _name_of(queue_url: str) -> str:
    """Return the queue's name. Stack outputs and clients give the same queue URLs with different hosts."""
    return queue_url.rpartition("/")[2]


def behind_signatures(
    handler: Callable[[Any, Any], Any], new_context: Callable[[], LocalContext], credentials: Credentials
) -> Front:
    """Return a Function URL with IAM authentication: only requests signed with `credentials` reach the handler."""
    front = FunctionUrl(_told_who_signed(handler, credentials), new_context)

    def respond(request: Request) -> Response:
        headers = {name.lower(): value for name, value in request.headers.items()}
        url = f"http://{request.host}{request.environ['RAW_URI']}"
        if not is_signed(request.method, url, headers, request.get_data(), credentials):
            message = json.dumps({"Message": "Forbidden"})
            refusal = {"x-amzn-ErrorType": "AccessDeniedException"}
            return Response(message, 403, refusal, content_type="application/json")
        # The signature check has read the body, so the function gets a new stream of the body.
        return front.respond(Request({**request.environ, "wsgi.input": io.BytesIO(request.get_data())}))

    return respond


def _told_who_signed(handler: Callable[[Any, Any], Any], credentials: Credentials) -> Callable[[Any, Any], Any]:
    """Return a handler whose event contains the identity of the signer instead of the signature."""

    def handle(event: Any, context: Any) -> Any:
        arn = f"arn:aws:iam::{ACCOUNT}:root"
        identity = {"accessKey": credentials.access_key, "accountId": ACCOUNT, "callerId": ACCOUNT, "userArn": arn}
        event["requestContext"] |= {"accountId": ACCOUNT, "authorizer": {"iam": {**identity, "userId": ACCOUNT}}}
        event["headers"].pop("authorization")
        return handler(event, context)

    return handle


def handler_of(function: str) -> Callable[[Any, Any], Any]:
    """Return a handler that invokes a function (name or ARN, with or without an alias) and raises FunctionFailed."""

    def invoke(event: Any, _context: Any) -> Any:
        done = call("lambda", "invoke", FunctionName=function, Payload=json.dumps(event).encode())
        answer = done["Payload"].read()
        if done.get("FunctionError"):
            raise FunctionFailed(answer.decode(errors="replace"))
        return json.loads(answer)

    return invoke
