"""Compare cold starts, bytes read, image size and memory sizes with the origin, in Docker (`make bench-container`).

    python -m bench.container [--colds 15] [--runs 60]

A cold start is the time from a listening container to its first response, not including the start of Docker. Dropping
the page cache needs root. Without root, that part is skipped with a message. The results go into the section
`container` of bench/results.json.
"""

import argparse
import base64
import contextlib
import os
import shutil
import statistics
import time
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import cost, docker, machine, measurements, payloads, quiet, report, timing, xception

ROOT = Path(__file__).resolve().parent.parent
OURS, ORIGIN = "pneumonia-inference:bench", "pneumonia-origin:bench"
DEFAULT_BASE = "public.ecr.aws/lambda/python:3.13"
SIZES = {0.5: 884, 1.0: 1769, 1.7: 3008}  # vCPU -> the MB for which Lambda gives this many vCPU
DROP = Path("/proc/sys/vm/drop_caches")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--colds", type=int, default=15, help="cold starts of each image; default: %(default)s")
    parser.add_argument("--runs", type=int, default=60, help="warm requests at each memory size; default: %(default)s")
    args = parser.parse_args()
    console = Console()
    base = os.environ.get("BASE_IMAGE") or DEFAULT_BASE
    with docker.served_first():
        found = measure(console, base, args.colds, args.runs)
    report.publish(measurements.store("container", found), console)


def measure(console: Console, base: str, colds: int, runs: int) -> dict[str, Any]:
    """Return every figure of the section `container`."""
    described = machine.describe(("onnxruntime", "numpy", "pillow"))
    flags = os.environ.get("DOCKER_BUILD_FLAGS", "")
    console.print("Building both images …")
    images = {
        "ours": docker.build(ROOT / "lambda_src" / "Dockerfile", OURS, base, flags, ROOT),
        "origin": docker.build(ROOT / "bench" / "origin.Dockerfile", ORIGIN, base, flags, _origin_context()),
    }
    floor_mb = docker.megabytes(base)
    found: dict[str, Any] = {
        "machine": described,
        "base_image": base,
        "image_mb_above_base": round(docker.megabytes(OURS) - floor_mb, 1),
        "origin_image_mb_above_base": round(docker.megabytes(ORIGIN) - floor_mb, 1),
    }
    console.print(f"{colds} cold starts of each image, page cache warm …")
    warm = _colds(images, colds)[0]
    found["cold_warm_cache"] = timing.compared(warm, "origin", "ours")
    found["cold_samples_ms"] = {"warm_cache": _rounded(warm["ours"])}
    if os.access(DROP, os.W_OK):
        console.print(f"{colds} cold starts of each image, page cache dropped …")
        taken, read = _colds(images, colds, drop=True)
        found["cold_dropped_cache"] = timing.compared(taken, "origin", "ours")
        found["cold_samples_ms"]["dropped_cache"] = _rounded(taken["ours"])
        found["read_mb"] = {name: timing.Spread.of(values).median for name, values in read.items() if any(values)}
    else:
        console.print("Cold starts without page cache are skipped: dropping the page cache needs root")
    found["by_cpus"] = _sizes(console, runs)
    return found


def _rounded(milliseconds: list[float]) -> list[float]:
    return [round(value, 1) for value in milliseconds]


def _origin_context() -> Path:
    """Return a folder with the files for the origin's image. The build context of the repository excludes them."""
    cache = ROOT / ".cache" / "bench"
    context = cache / "origin"
    (context / "bench").mkdir(parents=True, exist_ok=True)
    for source in ("bench/__init__.py", "bench/origin.py", "lambda_src/requirements.txt"):
        shutil.copy(ROOT / source, context / "bench")
    shutil.copy(xception.cached(cache), context / "model.onnx")
    return context


def _colds(
    images: dict[str, str], count: int, *, drop: bool = False
) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Return ms from listening to the first response, and MB read from disk until then, by image. Images take turns."""
    taken: dict[str, list[float]] = {name: [] for name in images}
    read: dict[str, list[float]] = {name: [] for name in images}
    event = _event()
    for turn in range(count + 1):
        for name in list(images) if turn % 2 else list(images)[::-1]:
            with docker.running(images[name], 1.0, 1769, AUTH_MODE="none") as container:
                _settle()
                if drop:
                    os.sync()
                    DROP.write_text("3", encoding="ascii")
                before = container.read_bytes()
                start = time.perf_counter()
                container.invoke(event)
                milliseconds = (time.perf_counter() - start) * 1000
                after = container.read_bytes()
            if turn == 0:  # the first turn only fills the page cache
                continue
            taken[name].append(milliseconds)
            if before is not None and after is not None:
                read[name].append((after - before) / 1e6)
    return taken, read


def _settle() -> None:
    """Wait up to ten seconds until the engine is idle, because starting and removing containers keeps it busy."""
    engine = docker.engine_pids()
    with contextlib.suppress(quiet.NeverIdle, OSError):
        quiet.wait_until_idle(engine, patience_seconds=10)


def _sizes(console: Console, runs: int) -> dict[str, Any]:
    """Measure warm requests at each memory size, with one thread per whole CPU and at least one."""
    event, found = _event(), {}
    for cpus, memory in SIZES.items():
        threads = max(1, round(cpus))
        console.print(f"Warm requests at {memory} MB, {cpus} vCPU, {threads} threads …")
        with docker.running(OURS, cpus, memory, AUTH_MODE="none", INTRA_OP_THREADS=str(threads)) as container:
            taken = timing.interleaved({"ours": partial(container.invoke, event)}, runs)["ours"]
        # The kernel grants a fraction of a CPU in time slices: some requests fit into one slice, others wait for the
        # next. Therefore only the mean shows the cost of a request in the long run.
        mean = round(statistics.fmean(taken), 2)
        found[str(cpus)] = {
            "memory_mb": memory,
            "threads": threads,
            "ms": timing.Spread.of(taken).to_json(),
            "mean_ms": mean,
            "usd_per_thousand": cost.usd_per_thousand(mean, memory, "x86_64"),
        }
    return found


def _event() -> dict[str, str]:
    """Return an event of a direct invocation, which the handlers of both services accept."""
    return {"image": base64.b64encode(payloads.payloads()["jpeg_224"].data).decode()}


if __name__ == "__main__":
    main()
