"""The machine a figure was measured on: without its name and its vector instructions no figure means much."""

import os
import platform
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
    """CPU, vector features, CPUs in use, load, and versions of Python and `packages`."""
    fields = _cpu_fields()
    flags = (fields.get("flags") or fields.get("Features") or "").split()
    return {
        "cpu": fields.get("model name") or platform.processor() or platform.machine(),
        "vector_features": [name for name in VECTOR_FEATURES if name in flags],
        "cpus_of_machine": os.cpu_count(),
        "cpus_used": len(os.sched_getaffinity(0)),
        "load_at_start": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
    }


def pin(cpus: int) -> None:
    """Let this process and its children use only so many CPUs: the last ones, where the fewest interrupts land."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-cpus:])


def _cpu_fields() -> dict[str, str]:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}
