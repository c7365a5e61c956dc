import socket

from pneumonia_cli.local.names import HOST
from tests.client.conftest import Pneumonia


def test_a_port_in_use(tiny_service: None, pneumonia: Pneumonia) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        ran = pneumonia("serve", "--port", str(port), "--s3-port", "0")
    assert ran.code == 1
    assert f"Port {port}" in ran.out
    assert "Traceback" not in ran.err
