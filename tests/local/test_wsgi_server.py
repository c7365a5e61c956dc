import socket
from urllib.request import urlopen

import pytest
from werkzeug.wrappers import Request, Response

from pneumonia_cli.local.names import HOST
from pneumonia_cli.local.wsgi_server import PortInUse, running
from tests.ports import unused_port


@Request.application
def application(request: Request) -> Response:
    return Response(f"{request.method} {request.path}")


def test_serves_on_a_free_port() -> None:
    with running(application, 0) as port, urlopen(f"http://{HOST}:{port}/x") as response:
        assert response.read() == b"GET /x"


def test_gives_its_port_back() -> None:
    given = unused_port()
    for _ in range(2):
        with running(application, given) as port, urlopen(f"http://{HOST}:{port}/x") as response:
            assert (port, response.read()) == (given, b"GET /x")


def test_a_port_in_use_is_reported() -> None:
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortInUse, match=f"Port {port} .* in use"), running(application, port):
            pass
