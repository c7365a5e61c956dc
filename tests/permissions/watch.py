"""Watch every call through botocore, and its origin: the files on the call stack."""

import contextlib
import sys
from collections.abc import Callable, Iterator, Mapping
from types import FrameType
from typing import Any

import pytest
from botocore.client import BaseClient
from botocore.signers import S3PostPresigner

Seen = Callable[[str, str, Mapping[str, Any], list[str]], None]
"""Receives a call before it is made: service, operation, parameters, and the files on the call stack. The innermost
file is first, and files of installed packages are left out.

A signed form (presigned POST) is reported as the operation "PostForm" of S3, with Bucket and Key."""


@contextlib.contextmanager
def watching(seen: Seen) -> Iterator[None]:
    """Report all calls of this process to `seen` during a `with` block.

    Exceptions from `seen` are raised at the end of the block, because a caller might handle them like errors of AWS.
    """
    # All calls of all clients pass through this method. botocore's type information does not include it.
    make_call: Any = BaseClient._make_api_call  # type: ignore[attr-defined]
    sign_form = S3PostPresigner.generate_presigned_post
    failures: list[Exception] = []

    def tell(service: str, operation: str, given: Mapping[str, Any]) -> None:
        try:
            seen(service, operation, given, _files())
        except Exception as failure:
            failures.append(failure)

    def called(client: Any, operation: str, given: dict[str, Any]) -> Any:
        tell(client.meta.service_model.service_name, operation, given)
        return make_call(client, operation, given)

    def signed(signer: Any, *, conditions: list[Any], **more: Any) -> Any:
        form = {name: value for one in conditions if isinstance(one, dict) for name, value in one.items()}
        tell("s3", "PostForm", {"Bucket": form["bucket"], "Key": form["key"]})
        return sign_form(signer, conditions=conditions, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(BaseClient, "_make_api_call", called)
        patch.setattr(S3PostPresigner, "generate_presigned_post", signed)
        yield
    if failures:
        raise AssertionError("\n".join(dict.fromkeys(map(str, failures)))) from failures[0]


def _files() -> list[str]:
    frame: FrameType | None = sys._getframe(3)
    files = []
    while frame is not None:
        if "/site-packages/" not in frame.f_code.co_filename:
            files.append(frame.f_code.co_filename)
        frame = frame.f_back
    return files
