"""Describe the machine of a measurement: its CPU and vector instructions determine every figure."""

import contextlib
import os
import platform
from collections.abc import Collection, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

VECTOR_FEATURES = (
    "avx2",
    "fma",
    "avx512f",
    "avx512_vnni",
    "avx_vnni",
    "avx512_bf16",
    "amx_int8",
    "asimd",
    "asimddp",
    "i8mm",
)


def describe(packages: tuple[str, ...]) -> dict[str, Any]:
    """Return the CPU, its vector features, the number of CPUs, the load, and the versions of Python and `packages`."""
    fields = _cpu_fields()
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    return {
        "cpu": fields.get("model name") or platform.processor() or platform.machine(),
        "kind": kind(flags, platform.machine()),
        "vector_features": [name for name in VECTOR_FEATURES if name in flags],
        "cpus_of_machine": os.cpu_count(),
        "cpus_used": len(os.sched_getaffinity(0)),
        "load_at_start": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
    }


def kind(flags: Sequence[str], architecture: str) -> str:
    """Return the kind of machine for int8 products: `vnni`, `avx2` or `x86_64`; `dotprod` or `arm64`; or another."""
    if architecture == "x86_64":
        return "vnni" if {"avx512_vnni", "avx_vnni"} & set(flags) else "avx2" if "avx2" in flags else architecture
    if architecture in ("aarch64", "arm64"):
        return "dotprod" if "asimddp" in flags else "arm64"
    return architecture


def all_cpus() -> set[int]:
    """Return the CPUs that this process may use."""
    return set(os.sched_getaffinity(0))


def last_cpus(count: int) -> list[int]:
    """Return the last `count` CPUs that this process may use. They get the fewest interrupts, so measure on them."""
    return sorted(os.sched_getaffinity(0))[-count:]


def pin(cpus: int) -> None:
    """Restrict this process and its child processes to the last `cpus` CPUs."""
    os.sched_setaffinity(0, last_cpus(cpus))


@contextlib.contextmanager
def pinned(cpus: Sequence[int]) -> Iterator[None]:
    """Restrict this process, and child processes that it starts, to these CPUs during a `with` block."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class OtherWork:
    """Measure how busy the other CPUs are, because their work reduces memory bandwidth and clock rate for ours."""

    def __init__(self, cpus: Collection[int]) -> None:
        self._cpus = {f"cpu{cpu}" for cpu in cpus}
        self._start = self._ticks()

    def share(self) -> float:
        """Return the share of time (0..1) that these CPUs were busy since this object was created; 0 without CPUs."""
        busy, total = (now - then for now, then in zip(self._ticks(), self._start, strict=True))
        return round(busy / total, 3) if total else 0.0

    def _ticks(self) -> tuple[int, int]:
        """Return the busy ticks and all ticks since the machine started."""
        busy = total = 0
        for line in Path("/proc/stat").read_text(encoding="ascii").splitlines():
            name, *fields = line.split()
            if name in self._cpus:
                ticks = [int(field) for field in fields[:8]]  # the first eight fields include the time of the others
                total += sum(ticks)
                busy += sum(ticks) - ticks[3] - ticks[4]  # fields 3 and 4: idle, and waiting for a disk
        return busy, total


def _cpu_fields() -> dict[str, str]:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}
