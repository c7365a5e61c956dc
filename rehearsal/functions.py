"""Run the functions that moto's Lambda invokes: images as containers, zip archives in a process."""

import contextlib
import json
import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, NoReturn

from moto.awslambda.exceptions import LambdaClientError
from moto.awslambda.models import LambdaFunction, lambda_backends
from moto.awslambda.responses import LambdaResponse
from moto.awslambda.urls import url_paths

from pneumonia_cli.local.names import ACCOUNT, REGION
from rehearsal import zip_functions
from rehearsal.containers import Containers, Spec
from rehearsal.zip_functions import ZipFunctionFailed

_INACTIVE: Final = "Inactive"
_PROVISIONED: Final = r"{0}/(?P<api_version>[^/]+)/functions/(?P<function_name>[\w_:%-]+)/provisioned-concurrency/?$"


class _Asleep(LambdaClientError):
    """Lambda refuses a call of a function that was idle for weeks."""

    code = 409


class Functions:
    """Run invocations, and count them by the name of the function."""

    def __init__(self, containers: Containers) -> None:
        self.containers = containers
        self.invocations: Counter[str] = Counter()
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Run moto's functions here during a `with` block. At its end, remove their containers."""

        def invoke(function: LambdaFunction, event: Any = None) -> tuple[str, bool, str]:
            return self.invoke(function, event)

        original = LambdaFunction._invoke_lambda
        LambdaFunction._invoke_lambda = invoke  # type: ignore[assignment, method-assign]
        # moto lacks this operation. No alias of a rehearsal has provisioned concurrency.
        LambdaResponse.get_provisioned_concurrency_config = _none_provisioned  # type: ignore[attr-defined]
        url_paths[_PROVISIONED] = LambdaResponse.dispatch
        try:
            yield
        finally:
            LambdaFunction._invoke_lambda = original  # type: ignore[method-assign]
            del LambdaResponse.get_provisioned_concurrency_config  # type: ignore[attr-defined]
            del url_paths[_PROVISIONED]
            self.containers.close()

    def invoke(self, function: LambdaFunction, event: Any) -> tuple[str, bool, str]:
        """Return the response as JSON, whether the response is an error, and the function's output.

        An inactive version refuses the call, and becomes active for the next one.
        """
        with self._lock:
            if function.state == _INACTIVE:
                function.state = "Active"
                raise _Asleep("CodeArtifactUserPendingException", "The function's image is not ready. Try again later.")
            self.invocations[function.function_name] += 1
        if function.package_type == "Image":
            answer = self.containers.invoke(_spec(function), event)
            return json.dumps(answer), isinstance(answer, dict) and "errorType" in answer, ""
        try:
            answer, output = zip_functions.run(
                function.code_bytes,
                handler=str(function.handler),
                name=function.function_name,
                arn=function.function_arn,
                runtime=str(function.run_time),
                timeout_seconds=int(function.timeout),
                environment=function.environment_vars,
                event=event,
            )
        except ZipFunctionFailed as error:
            return json.dumps({"errorType": "Unhandled", "errorMessage": str(error)}), True, str(error)
        return json.dumps(answer), False, output


def put_to_sleep(function: str, version: str) -> None:
    """Make a version of an image function inactive, as after weeks without a call."""
    lambda_backends[ACCOUNT][REGION].get_function(function, version).state = _INACTIVE


def _none_provisioned(_response: LambdaResponse) -> NoReturn:
    raise LambdaClientError("ProvisionedConcurrencyConfigNotFoundException", "No Provisioned Concurrency Config found")


def _spec(function: LambdaFunction) -> Spec:
    return Spec(
        name=function.function_name,
        version=str(function.version),
        image=function.code["ImageUri"],
        command=tuple(function.image_config.cmd),
        memory_mb=int(function.memory_size),
        timeout_seconds=int(function.timeout),
        environment=tuple(sorted(function.environment_vars.items())),
    )
