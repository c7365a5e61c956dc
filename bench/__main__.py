"""`make bench`: the handler against its floor, the origin, OpenVINO, and what it costs; no network, no Docker.

    python -m bench [--runs 200] [--model-dir DIR] [--cpus 1]

Writes bench/results.json (section `process`), plots, and the table in bench/README.md.
"""

import argparse
import os
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import machine

REQUESTS = 100
BATCH = 8
COLDS = 7
ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200, help="of each candidate; default: %(default)s")
    parser.add_argument("--cpus", type=int, default=1, help="to pin to; 1 is Lambda at 1,769 MB; default: %(default)s")
    parser.add_argument("--model-dir", type=Path, help="another model_artifacts/")
    parser.add_argument("--origin-model", type=Path, help="an fp32 Xception 150 graph instead of a random one")
    args = parser.parse_args()
    if args.model_dir:
        os.environ["MODEL_DIR"] = str(args.model_dir.resolve())
    os.environ["INTRA_OP_THREADS"] = str(args.cpus)
    machine.pin(args.cpus)
    # After the environment is set and the process is pinned: onnxruntime looks at both when it is imported.
    from bench import measurements, report

    content = measure(Console(), args.runs, args.cpus, args.origin_model)
    report.publish(measurements.store("process", content), Console())


def measure(console: Console, runs: int, cpus: int, origin_model: Path | None) -> dict[str, Any]:
    """Every figure of the section `process`."""
    from bench import children, cost, films, floor, served, timing, xception
    from bench.origin import Origin

    described = machine.describe(("onnxruntime", "numpy", "pillow", "openvino"))
    inputs = films.films()
    origin = Origin(origin_model or xception.cached(ROOT / ".cache" / "bench"))
    members = [served.folder() / member.file for member in served.card().members]
    found: dict[str, Any] = {
        "machine": described,
        "model": {
            "version": served.card().version,
            "files": {path.name: round(path.stat().st_size / 1e6, 1) for path in members},
            "int8": all(floor.is_int8(path) for path in members),
            # Measured by `make evaluate`, where the films are.
            "precision": served.card().document["metrics"].get("precision"),
        },
    }
    for name, film in inputs.items():
        console.print(f"{film.name}: handler, bare run and origin take turns, {runs} times …")
        candidates = {
            "handler": served.handler_call(film),
            "bare": served.bare_run(film),
            "origin": lambda film=film: origin.answer(film.data),  # type: ignore[misc]
        }
        taken = timing.interleaved(candidates, runs)
        found[name] = {
            "film": film.name,
            "over_bare": timing.compared(taken, "handler", "bare"),
            "origin_over_ours": timing.compared(taken, "origin", "handler"),
        }
    console.print("OpenVINO on the same files …")
    film = inputs["jpeg_224"]
    peers = {
        "onnxruntime": served.bare_run(film),
        "openvino": served.openvino_run(film, "f32"),
        "openvino_default": served.openvino_run(film),
    }
    taken = timing.interleaved(peers, runs)
    found["openvino"] = timing.compared(taken, "openvino", "onnxruntime")
    found["openvino_default"] = timing.compared(taken, "openvino_default", "onnxruntime")
    console.print(f"Batches of {BATCH} against one by one …")
    batches = {"one_by_one": served.one_by_one(film, BATCH), "batch": served.in_one_batch(film, BATCH)}
    found["batch"] = timing.compared(timing.interleaved(batches, max(10, runs // BATCH)), "one_by_one", "batch")
    console.print("The floor: GEMM …")
    rates, work = floor.gemm_rates(cpus), sum(floor.multiply_adds(path) for path in members)
    kind = "int8" if found["model"]["int8"] else "float32"
    bare_ms = found["jpeg_224"]["over_bare"]["ms"]["bare"]["median"]
    floor_ms = work / rates[kind] * 1000
    found["floor"] = {
        "gemm_gmac_per_second": rates,
        "model_gmac": work,
        "floor_ms": round(floor_ms, 2),
        "share_of_peak": round(floor_ms / bare_ms, 3),
        "kind": kind,
    }
    console.print(f"Memory after {REQUESTS} mixed requests, and imports …")
    found["memory_mb"] = children.peak_megabytes(REQUESTS)
    found["imports_ms"] = children.import_profile()
    # Pairs, in their order: results.json sorts the keys of objects.
    found["cold_parts_ms"] = list(children.cold_parts(COLDS, served.folder()).items())
    handler_ms = found["jpeg_224"]["over_bare"]["ms"]["handler"]["median"]
    found["usd_per_thousand"] = {
        architecture: cost.usd_per_thousand(handler_ms, 1769, architecture) for architecture in cost.USD_PER_GB_SECOND
    }
    return found


if __name__ == "__main__":
    main()
