"""Image functions: the pulled image runs in a container under the Runtime Interface Emulator, as on Lambda."""

import ipaddress
import json
import os
import threading
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any, Final

from rehearsal.docker import DockerFailed, docker, local_reference

# As on Lambda, only /tmp is writable, and the user is not root and does not exist in the image.
_LAMBDA_LIKE: Final = (
    "--read-only", "--tmpfs=/tmp:size=512m", "--user=993:990", "--cap-drop=ALL", "--security-opt=no-new-privileges",
)  # fmt: skip
_INVOKE: Final = "/2015-03-31/functions/function/invocations"
_MB_OF_ONE_CPU: Final = 1769
_VERSIONS: Final = 2  # kept for each function: the current and the next one
_START_SECONDS: Final = 120  # a high limit, because the machine may be under load
LABEL: Final = "pneumonia.rehearsal"
"""Label of every container, to find containers that were left behind: `docker ps --filter label=…`."""


@dataclass(frozen=True)
class Spec:
    """Everything that a container depends on. If a field changes, a new container replaces the old one, as on AWS."""

    name: str
    version: str
    image: str
    command: tuple[str, ...]
    memory_mb: int
    timeout_seconds: int
    environment: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class _Running:
    spec: Spec
    container: str
    url: str
    one_at_a_time: threading.Lock  # the emulator accepts only one request


class Containers:
    """One container for each invoked version of a function, started at the first invocation."""

    def __init__(self, registry: str, environment: dict[str, str]) -> None:
        """`registry`: host and port. `environment`: variables by which handlers reach the services."""
        self._registry = registry
        self._environment = environment
        self._running: dict[tuple[str, str], _Running] = {}
        self._lock = threading.Lock()

    def invoke(self, spec: Spec, event: Any) -> Any:
        """Pass an event to the function. Return what its handler returned, or Lambda's description of its error."""
        running = self._of(spec)
        request = urllib.request.Request(running.url + _INVOKE, json.dumps(event).encode(), method="POST")  # noqa: S310
        deadline = time.monotonic() + _START_SECONDS
        with running.one_at_a_time:
            while True:
                try:
                    with urllib.request.urlopen(request, timeout=spec.timeout_seconds + 60) as response:  # noqa: S310  # nosec B310
                        return json.load(response)
                except (ConnectionError, urllib.error.URLError) as error:
                    # The port is published before the emulator listens.
                    if time.monotonic() > deadline or not _is_up(running.container):
                        raise DockerFailed(f"{spec.name} does not respond: {_log(running.container)}") from error
                    time.sleep(0.05)

    def limits(self) -> dict[tuple[str, str], int]:
        """Return the memory in MB of each container, by name and version of its function."""
        with self._lock:
            return {
                key: int(docker("inspect", "--format={{.HostConfig.Memory}}", running.container)) // 2**20
                for key, running in self._running.items()
            }

    def logs(self) -> str:
        """Return the output of all running functions."""
        with self._lock:
            return "\n".join(f"--- {r.spec.name} {r.spec.version}\n{_log(r.container)}" for r in self._running.values())

    def forget(self, name: str) -> None:
        """Remove the containers of a deleted function."""
        with self._lock:
            for key in self._versions(name):
                docker("rm", "--force", self._running.pop(key).container)

    def close(self) -> None:
        """Remove all containers."""
        for name in {name for name, _ in self._running}:
            self.forget(name)

    def _of(self, spec: Spec) -> _Running:
        with self._lock:
            key = (spec.name, spec.version)
            running = self._running.get(key)
            if running is not None and running.spec != spec:
                docker("rm", "--force", self._running.pop(key).container)
                running = None
            if running is None:
                for _ in range(len(self._versions(spec.name)) - _VERSIONS + 1):
                    docker("rm", "--force", self._running.pop(self._versions(spec.name)[0]).container)
                running = self._running[key] = self._start(spec)
            return running

    def _versions(self, name: str) -> list[tuple[str, str]]:
        return [key for key in self._running if key[0] == name]

    def _start(self, spec: Spec) -> _Running:
        image = local_reference(spec.image, self._registry)
        docker("pull", image)
        environment = {
            **self._environment,
            **dict(spec.environment),
            "AWS_LAMBDA_FUNCTION_NAME": spec.name,
            "AWS_LAMBDA_FUNCTION_VERSION": spec.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(spec.memory_mb),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(spec.timeout_seconds),
        }
        cpus = min(spec.memory_mb / _MB_OF_ONE_CPU, os.cpu_count() or 1)
        container = docker(
            "run", "--detach", f"--label={LABEL}", *_LAMBDA_LIKE, "--publish=127.0.0.1::8080",
            f"--memory={spec.memory_mb}m", f"--memory-swap={spec.memory_mb}m", f"--cpus={cpus:.2f}",
            *(f"--env={name}={value}" for name, value in environment.items()),
            image, *spec.command,
        )  # fmt: skip
        address = docker("port", container, "8080/tcp").splitlines()[0]
        return _Running(spec, container, f"http://{address}", threading.Lock())


def host_address() -> str:
    """Return the address of this machine, as containers see it."""
    network = json.loads(docker("network", "inspect", "bridge"))[0]["IPAM"]["Config"][0]
    # Old engines do not report the gateway, which is the first address of the subnet.
    return str(network.get("Gateway") or ipaddress.ip_network(network["Subnet"])[1])


def _is_up(container: str) -> bool:
    return docker("inspect", "--format={{.State.Running}}", container) == "true"


def _log(container: str) -> str:
    try:
        return docker("logs", container)
    except DockerFailed as error:
        return str(error)
