"""Zip archives run as on Lambda: by handler, with their environment, for one event."""

import io
import zipfile
from typing import Any

import pytest

from rehearsal.zip_functions import ZipFunctionFailed, run


def archive(source: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("index.py", source)
    return stream.getvalue()


def invoke(source: str, event: Any = None, **changes: Any) -> tuple[Any, str]:
    named: dict[str, Any] = {
        "handler": "index.handler", "name": "f", "arn": "arn:f", "runtime": "python3.13", "timeout_seconds": 30,
        "environment": {},
    }  # fmt: skip
    return run(archive(source), event=event, **named | changes)


def test_returns_the_result_and_the_output_of_the_handler() -> None:
    source = (
        "def handler(event, context):\n    print('heard')\n    return {'echo': event, 'name': context.function_name}"
    )
    assert invoke(source, {"a": [1]}) == ({"echo": {"a": [1]}, "name": "f"}, "heard\n")


def test_the_function_has_its_own_environment() -> None:
    source = "import os\ndef handler(event, context):\n    return os.environ['BUCKET']"
    assert invoke(source, environment={"BUCKET": "results"})[0] == "results"


def test_packages_of_the_runtime_are_there() -> None:
    assert invoke("import boto3\ndef handler(event, context):\n    return boto3.__name__")[0] == "boto3"


@pytest.mark.parametrize(
    ("source", "changes", "told"),
    [
        ("def handler(event, context):\n    raise ValueError('no bucket')", {}, "no bucket"),
        ("def other(event, context): ...", {}, "handler"),
        ("def handler(event, context):\n    while True: pass", {"timeout_seconds": 1}, "more than 1 s"),
        ("", {"runtime": "nodejs22.x"}, "nodejs22.x"),
    ],
)
def test_failures_are_reported(source: str, changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ZipFunctionFailed, match=told):
        invoke(source, **changes)
