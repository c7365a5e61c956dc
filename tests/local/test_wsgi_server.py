import socket
from urllib.request import urlopen

import pytest
from werkzeug.wrappers import Request, Response

from pneumonia_cli.local.names import HOST
from pneumonia_cli.local.wsgi_server import PortInUse, running


@Request.application
def application(request: Request) -> Response:
    return Response(f"{request.method} {request.path}")


def test_serves_on_a_free_port_and_gives_it_back() -> None:
    with running(application, 0) as port, urlopen(f"http://{HOST}:{port}/x") as response:
        assert response.read() == b"GET /x"
    with running(application, port) as again:
        assert again == port


def test_a_port_in_use_is_reported() -> None:
    with socket.create_server((HOST, 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortInUse, match=f"Port {port} .* in use"), running(application, port):
            pass
