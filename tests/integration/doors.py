"""A Function URL of the local cloud, with the worker that processes its uploads."""

import contextlib
import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from pneumonia_cli.local.cloud import Cloud
from pneumonia_cli.local.poller import Poller


@dataclass(frozen=True)
class Reply:
    status: int
    headers: http.client.HTTPMessage
    data: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.data)


@dataclass(frozen=True)
class Door:
    """The Function URL with its worker. `deliver` runs the worker until the queue is empty."""

    url: str
    cloud: Cloud
    poller: Poller
    token: str = ""

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Reply:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return send(self.url + path, method, body, given)

    def deliver(self) -> None:
        while self.poller.poll():
            pass


def send(url: str, method: str, body: bytes | None, headers: dict[str, str]) -> Reply:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    with contextlib.closing(connection):
        connection.request(method, f"{parts.path}?{parts.query}" if parts.query else parts.path, body, headers)
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())


def post_form(url: str, fields: dict[str, str], data: bytes) -> Reply:
    """Send a form as a browser does: the fields, then the file."""
    boundary = uuid4().hex
    parts = [f'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}'.encode() for name, value in fields.items()]
    parts.append(b'Content-Disposition: form-data; name="file"; filename="image"\r\n\r\n' + data)
    body = b"".join(f"--{boundary}\r\n".encode() + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()
    return send(url, "POST", body, {"Content-Type": f"multipart/form-data; boundary={boundary}"})


OpenDoor = Callable[[str], contextlib.AbstractContextManager[Door]]
