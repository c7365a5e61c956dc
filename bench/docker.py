"""Run containers under the limits of Lambda, with the docker command."""

import contextlib
import http.client
import json
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PORT = 8080
INVOKE = "/2015-03-31/functions/function/invocations"
PATIENCE_SECONDS = 120
WEIGHTS = {
    Path("/sys/fs/cgroup/cpu/docker/cpu.shares"): "262144",  # cgroups of version 1
    Path("/sys/fs/cgroup/docker/cpu.weight"): "10000",
    Path("/sys/fs/cgroup/system.slice/cpu.weight"): "10000",  # Docker next to systemd
}
"""Kernel files that set the CPU share of all containers together -> the largest share that they accept."""

# As on Lambda, only /tmp is writable, and the user is not root.
LAMBDA_LIKE = ("--read-only", "--tmpfs=/tmp:size=512m", "--user=993:990", "--cap-drop=ALL")


def docker(*arguments: str) -> str:
    """Return the output of the docker command. Raises RuntimeError with its message."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)  # noqa: S607  # nosec B607
    if done.returncode:
        raise RuntimeError(f"docker {shlex.join(arguments)}: {done.stderr.strip()}")
    return done.stdout.strip()


def build(dockerfile: Path, tag: str, base: str, flags: str, root: Path) -> str:
    """Build and tag an image on a base."""
    docker(
        "build",
        f"--file={dockerfile}",
        f"--tag={tag}",
        f"--build-arg=BASE_IMAGE={base}",
        *shlex.split(flags),
        str(root),
    )
    return tag


def megabytes(image: str) -> float:
    """Return the unpacked size of an image in MB of 10^6 bytes."""
    return int(docker("image", "inspect", "--format={{.Size}}", image)) / 1e6


def engine_pids() -> dict[str, int]:
    """Return the process ids of the Docker engine on this machine by name; empty if the engine runs elsewhere."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            name = (process / "comm").read_text(encoding="utf-8").strip()
            if name in ("dockerd", "containerd"):
                found[f"{name} {process.name}"] = int(process.name)
    return found


@contextlib.contextmanager
def served_first(weights: Mapping[Path, str] = WEIGHTS) -> Iterator[None]:
    """Give all containers of this machine priority over other processes, if this process may do so (root).

    `weights`: kernel files, with the text to write into each. Their old contents are restored at the end.
    """
    before = {}
    for path, weight in weights.items():
        with contextlib.suppress(OSError):
            old = path.read_text(encoding="ascii")
            path.write_text(weight, encoding="ascii")
            before[path] = old
    try:
        yield
    finally:
        for path, old in before.items():
            path.write_text(old, encoding="ascii")


@dataclass(frozen=True)
class Running:
    """A started container whose emulator listens. The emulator loads the function when the first event arrives."""

    name: str
    address: str

    def invoke(self, event: dict[str, Any]) -> Any:
        """Return the handler's prediction. Raises RuntimeError if the response is not a prediction."""
        connection = http.client.HTTPConnection(self.address, PORT, timeout=PATIENCE_SECONDS)
        try:
            connection.request("POST", INVOKE, json.dumps(event))
            answer = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        if isinstance(answer, str):
            answer = json.loads(answer)
        if "pneumonia" not in answer:
            raise RuntimeError(f"{self.name} returned {answer}")
        return answer

    def read_bytes(self) -> int | None:
        """Return the bytes that the container's processes have read from disk so far; None without root."""
        total = 0
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if self.name not in (process / "cgroup").read_text(encoding="ascii"):
                    continue
                fields = (process / "io").read_text(encoding="ascii").split()
            except PermissionError:
                return None
            except OSError:  # the process ended meanwhile
                continue
            total += int(fields[fields.index("read_bytes:") + 1])
        return total


@contextlib.contextmanager
def running(image: str, cpus: float, memory_mb: int, **environment: str) -> Iterator[Running]:
    """Start a container and wait until it listens. Remove it at the end."""
    name = docker(
        "run", "--detach", *LAMBDA_LIKE, f"--cpus={cpus}", f"--memory={memory_mb}m", f"--memory-swap={memory_mb}m",
        *(f"--env={key}={value}" for key, value in environment.items()), image,
    )  # fmt: skip
    try:
        address = docker("inspect", "--format={{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name)
        _wait(address, name)
        yield Running(name, address)
    finally:
        docker("rm", "--force", name)


def _wait(address: str, name: str) -> None:
    # Use the container's address: a published port accepts connections before the emulator listens behind it.
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection((address, PORT), timeout=1).close()
        except OSError:
            time.sleep(0.005)
        else:
            return
    raise RuntimeError(f"container {name} does not listen: {docker('logs', name)}")
