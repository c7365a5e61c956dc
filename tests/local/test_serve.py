import contextlib
import http.client
import json
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import boto3
import pytest

from pneumonia_cli.local.names import HOST
from tests import serving
from tests.ports import unused_port
from tests.serving import introduction

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(artifacts: Path) -> Iterator[Start]:
    """Start the local cloud with the tiny model: start("--port", "0")."""
    processes: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        processes.append(serving.start(*arguments, MODEL_DIR=str(artifacts)))
        return processes[-1]

    yield run
    for process in processes:
        process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stays_up_until_it_is_stopped(start: Start, number: signal.Signals, image_bytes: Callable[..., bytes]) -> None:
    process = start("--port", "0", "--s3-port", "0")
    facts = introduction(process)
    connection = http.client.HTTPConnection(urlsplit(facts["Function URL"]).netloc, timeout=120)
    with contextlib.closing(connection):
        connection.request("GET", "/health")
        assert json.loads(connection.getresponse().read())["status"] == "ok"
    # A separate session, like a user's: the session of the tests has only the permissions of a function.
    s3 = boto3.Session().client(
        "s3",
        endpoint_url=facts["AWS_ENDPOINT_URL"],
        aws_access_key_id=facts["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=facts["AWS_SECRET_ACCESS_KEY"],
        region_name=facts["AWS_DEFAULT_REGION"],
    )
    with contextlib.closing(s3):
        s3.put_object(Bucket=facts["Upload bucket"], Key="image.png", Body=image_bytes(200))
        waiter = s3.get_waiter("object_exists")
        waiter.wait(Bucket=facts["Results bucket"], Key="image.png.json", WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    process.send_signal(number)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "GET /health → 200" in said
    assert said.rstrip().endswith("Stopped.")
    assert "Traceback" not in said


def test_asks_for_the_token_that_it_prints(start: Start) -> None:
    facts = introduction(start("--port", "0", "--s3-port", "0", "--auth", "token"))

    def status(path: str, **headers: str) -> int:
        connection = http.client.HTTPConnection(urlsplit(facts["Function URL"]).netloc, timeout=120)
        with contextlib.closing(connection):
            connection.request("GET", path, headers=headers)
            return connection.getresponse().status

    assert [status(path) for path in ("/", "/health", "/model")] == [200, 200, 401]
    assert status("/model", Authorization=f"Bearer {facts['Token']}") == 200


def test_by_default_no_token_is_required(start: Start) -> None:
    facts = introduction(start("--port", "0", "--s3-port", "0"))
    connection = http.client.HTTPConnection(urlsplit(facts["Function URL"]).netloc, timeout=120)
    with contextlib.closing(connection):
        connection.request("GET", "/config")
        config = json.loads(connection.getresponse().read())
    assert (config["auth"], config["uploads"]) == ("none", True)


@pytest.mark.slow
def test_requests_are_printed_without_names(start: Start) -> None:
    process = start("--port", "0", "--s3-port", "0")
    netloc = urlsplit(introduction(process)["Function URL"]).netloc
    for path in ("/results/jane-doe", "/jane-doe", "/page/jane-doe.js"):
        connection = http.client.HTTPConnection(netloc, timeout=120)
        with contextlib.closing(connection):
            connection.request("GET", path)
            assert connection.getresponse().status == 404
    host, _, port = netloc.partition(":")
    with socket.create_connection((host, int(port)), timeout=120) as raw:  # the method holds a control sequence
        raw.sendall(f"\x1b[2J /config HTTP/1.1\r\nHost: {netloc}\r\nConnection: close\r\n\r\n".encode())
        assert raw.recv(12) in (b"HTTP/1.1 405", b"HTTP/1.0 405", b"HTTP/1.1 400")
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=60)
    assert "\x1b" not in said
    shown = [line.partition(" in ")[0] for line in said.splitlines() if line.startswith("GET")]
    assert shown == ["GET /results/{upload_id} → 404", "GET (another path) → 404", "GET /page/{name} → 404"]


@pytest.mark.parametrize("option", [pytest.param("--port", marks=pytest.mark.slow), "--s3-port"])
def test_a_port_in_use_is_reported(start: Start, option: str) -> None:
    with socket.create_server((HOST, unused_port())) as other:  # the next ports are free
        port = str(other.getsockname()[1])
        arguments = {"--port": "0", "--s3-port": "0"} | {option: port}
        process = start(*(part for pair in arguments.items() for part in pair))
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert f"Port {port}" in said
    assert "Traceback" not in said
    again = shlex.split(said.splitlines()[-1])
    assert again[:4] == [sys.executable, "-m", "pneumonia_cli", "serve"]
    if option == "--s3-port":
        return
    # The printed command works, and prints how `--stack local` finds the local cloud.
    facts = introduction(start(*again[4:]))
    assert (facts["PNEUMONIA_URL"], facts["AWS_ENDPOINT_URL"]) == (facts["Function URL"], facts["S3 and SQS"])
