"""Build the container image once and run it as Lambda does, with the Runtime Interface Emulator in the base image."""

import ipaddress
import json
import os
import shlex
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
IMAGE = "pneumonia-inference:container-test"
# The conditions of Lambda: only /tmp is writable. The user is not root and is not in /etc/passwd. A function with
# 1,769 MB has one whole CPU.
LAMBDA_LIKE = (
    "--read-only", "--tmpfs=/tmp:size=512m", "--user=993:990", "--memory=1769m", "--memory-swap=1769m",
    "--cpus=1.0", "--cap-drop=ALL", "--security-opt=no-new-privileges",
)  # fmt: skip
INVOKE = "/2015-03-31/functions/function/invocations"
# The time after which a test gives up. It does not check speed, so tests also pass on a busy machine.
PATIENCE_SECONDS = 120


def docker(*arguments: str) -> str:
    """Run the docker command and return its output. If it fails, fail the test with its error message."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.fail(f"docker {shlex.join(arguments)} exited {done.returncode}:\n{done.stderr}", pytrace=False)
    return done.stdout.strip()


@dataclass(frozen=True)
class Function:
    """A running container, invoked like a Lambda function."""

    container: str
    url: str

    def invoke(self, event: dict[str, Any]) -> Any:
        """Send one event and return the handler's answer. The emulator only accepts one event at a time."""
        request = urllib.request.Request(self.url, data=json.dumps(event).encode(), method="POST")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                with urllib.request.urlopen(request, timeout=PATIENCE_SECONDS) as response:
                    return json.load(response)
            except (ConnectionError, urllib.error.URLError):
                # Try again: the port is published before the emulator listens.
                if time.monotonic() > deadline or not self.is_running():
                    pytest.fail(f"the container does not answer; its log:\n{self.log()}", pytrace=False)
                time.sleep(0.05)

    def is_running(self) -> bool:
        return docker("inspect", "--format={{.State.Running}}", self.container) == "true"

    def log(self) -> str:
        done = subprocess.run(
            ["docker", "logs", self.container],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True,
        )  # fmt: skip
        return done.stdout


@pytest.fixture(scope="session")
def image() -> str:
    """The container image, built from this tree on BASE_IMAGE (default: as in the Dockerfile)."""
    base = os.environ.get("BASE_IMAGE")
    docker(
        "build",
        "--file", str(ROOT / "lambda_src/Dockerfile"),
        "--tag", IMAGE,
        *(["--build-arg", f"BASE_IMAGE={base}"] if base else []),
        *shlex.split(os.environ.get("DOCKER_BUILD_FLAGS", "")),
        str(ROOT),
    )  # fmt: skip
    return IMAGE


StartFunction = Callable[..., Function]


@pytest.fixture(scope="session")
def start_function(image: str) -> Iterator[StartFunction]:
    """Start a container of one handler: start_function("pneumonia.handlers.api.handler", NAME="value", ...)."""
    containers: list[str] = []

    def start(handler: str, **environment: str) -> Function:
        container = docker(
            "run", "--detach", *LAMBDA_LIKE, "--publish=127.0.0.1::8080",
            *(f"--env={name}={value}" for name, value in environment.items()),
            image, handler,
        )  # fmt: skip
        containers.append(container)
        address = docker("port", container, "8080/tcp").splitlines()[0]
        return Function(container, f"http://{address}{INVOKE}")

    yield start
    for container in containers:
        docker("rm", "--force", container)


@pytest.fixture(scope="session")
def api(start_function: StartFunction) -> Function:
    return start_function("pneumonia.handlers.api.handler", AUTH_MODE="none")


@pytest.fixture(scope="session")
def in_image(image: str) -> Callable[[str], Any]:
    """Run a Python program in the container image, under the conditions of Lambda. Return the JSON that it prints."""

    def run(program: str) -> Any:
        printed = docker("run", "--rm", "--network=none", *LAMBDA_LIKE, "--entrypoint=python3", image, "-c", program)
        return json.loads(printed)

    return run


@pytest.fixture(scope="session")
def host_address() -> str:
    """The address under which a container reaches this machine."""
    network = json.loads(docker("network", "inspect", "bridge"))[0]["IPAM"]["Config"][0]
    # Old engines do not report the gateway. It is the first address of the subnet.
    return str(network.get("Gateway") or ipaddress.ip_network(network["Subnet"])[1])


@pytest.fixture(scope="session")
def xray() -> bytes:
    """An X-ray of the repository."""
    return (ROOT / "samples" / "pneumonia-1.png").read_bytes()
