"""Run one subject of the benchmark in a separate process, which is idle between its turns.

    python -m bench.subject NAME --cpus 1,3 [--origin-model FILE]

The process reads requests from standard input, one {"call": name, "image": key} per line. For each it prints {"ms":
wall clock, "cpu_ms": CPU time of all its threads}. Every request runs the call twice and times only the second run,
because the first run fills the processor caches. An error ends the process with a traceback.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

Call = Callable[[], object]
Make = Callable[[str, str], Call]


def serve(make: Make, cpus: frozenset[int] | None = None) -> None:
    """Run the requested calls until standard input ends. `make` returns the call for a name and the key of an image.

    The process is first pinned to `cpus`, if given. Each call is created on first use.
    """
    if cpus:
        os.sched_setaffinity(0, cpus)
    # Libraries may print to standard output. Send their output to standard error, to keep it out of the results.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as answers:
        os.dup2(2, 1)
        calls: dict[tuple[str, str], Call] = {}
        for line in sys.stdin:
            wanted = json.loads(line)
            key = wanted["call"], wanted["image"]
            if key not in calls:
                calls[key] = make(*key)
            print(json.dumps(timed(calls[key])), file=answers, flush=True)


def timed(call: Call) -> dict[str, float]:
    """Run a call twice. Return the milliseconds of the second run: wall clock, and CPU time of all threads."""
    call()
    cpu, start = time.process_time(), time.perf_counter()
    call()
    end = time.perf_counter()
    return {"ms": (end - start) * 1000, "cpu_ms": (time.process_time() - cpu) * 1000}


def maker(name: str, origin_model: Path | None) -> Make:
    """Return the function that creates the calls of `ours`, `bare`, `origin`, `openvino` or `openvino_default`.

    Imports only what this subject needs. Raises ValueError for another name.
    """
    from bench import payloads

    images = payloads.payloads()
    if name == "origin":
        from bench.origin import Origin

        if origin_model is None:
            raise ValueError("origin needs --origin-model")
        origin = Origin(origin_model)
        return lambda _, image: lambda: origin.answer(images[image].data)

    from bench import served

    if name == "ours":
        return lambda call, image: served.CALLS[call](images[image])
    if name == "bare":
        return lambda _, image: served.bare_run(images[image])
    if name == "openvino":
        return lambda _, image: served.openvino_run(images[image], "f32")
    if name == "openvino_default":
        return lambda _, image: served.openvino_run(images[image])
    raise ValueError(f"there is no subject {name}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("--cpus", required=True)
    parser.add_argument("--origin-model", type=Path)
    args = parser.parse_args()
    cpus = frozenset(int(cpu) for cpu in args.cpus.split(","))
    # Pin before onnxruntime is imported, because it reads the CPUs during import.
    os.sched_setaffinity(0, cpus)
    serve(maker(args.name, args.origin_model))


if __name__ == "__main__":
    main()
