"""Measure the handler and its candidates for `make bench`: the section `process` of results.json."""

import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import avx2, children, cost, floor, machine, payloads, served, timing, xception
from bench.turns import Candidate, Rounds, Ruler, subjects

REQUESTS = 100
COLDS = 5
MEMORY_MB = 1769
ROOT = Path(__file__).resolve().parent.parent
CACHE = ROOT / ".cache" / "bench"

_PAIRS = {
    "over_bare": ("handler", "bare"),
    "origin_over_ours": ("origin", "handler"),
    "heatmap_api": ("handler_heatmap", "handler"),
    "heatmap_upload": ("upload_heatmap", "upload"),
}
"""Ratios of the times of one image: name in results.json -> (numerator, denominator)."""


def measure(console: Console, runs: int, cpus: list[int], origin_model: Path | None) -> dict[str, Any]:
    """Return every figure of the section `process`. `runs`: undisturbed rounds to take; `cpus`: CPUs to measure on."""
    model = origin_model or xception.cached(CACHE)
    found: dict[str, Any] = {
        "machine": machine.describe(("onnxruntime", "numpy", "pillow", "openvino")) | {"cpus_used": len(cpus)},
        "model": _model(),
    }
    others = machine.OtherWork(machine.all_cpus() - set(cpus))
    with tempfile.TemporaryDirectory() as scratch:
        with subjects(("ours", "bare", "origin"), cpus, model, Path(scratch)) as ruler:
            for key, image in payloads.payloads().items():
                console.print(f"{image.name}: handler, bare run and origin, with and without heatmap …")
                found[key] = {"film": image.name, **_image(ruler, key, runs)}
            console.print(f"Batches of {served.BATCH} against one by one …")
            found["batch"] = _batch(ruler, max(8, runs // 4))
        console.print("OpenVINO on the same files …")
        with subjects(("bare", "openvino", "openvino_default"), cpus, model, Path(scratch)) as ruler:
            found |= _openvino(ruler, runs // 2)
        with machine.pinned(cpus):
            console.print("The floor: GEMM …")
            rates = children.gemm_rates(len(cpus))
            found["machine"]["int8_saturates"] = children.saturates()
            console.print(f"Memory after {REQUESTS} mixed requests, imports, parts of a start …")
            found["memory_mb"] = children.peak_megabytes(REQUESTS, served.folder())
            found["imports_ms"] = children.import_profile()
            console.print("Where the time goes …")
            found["request_parts_ms"] = children.profile("request_parts")
            found["model_parts_ms"] = children.profile("model_parts")
            # A list of pairs keeps the order, because results.json sorts the keys of objects.
            found["cold_parts_ms"] = list(children.cold_parts(COLDS, served.folder()).items())
        found["floor"] = _floor(rates, found["model"]["int8"], _bare_ms(found))
        found["avx2"] = _emulated(console, runs // 2, cpus, model, Path(scratch))
    found["machine"]["other_cpus_busy"] = others.share()
    handler_ms = found["jpeg_224"]["over_bare"]["ms"]["handler"]["median"]
    found["usd_per_thousand"] = {
        architecture: cost.usd_per_thousand(handler_ms, MEMORY_MB, architecture)
        for architecture in cost.USD_PER_GB_SECOND
    }
    return found


def _model() -> dict[str, Any]:
    card = served.card()
    members = [served.folder() / member.file for member in card.members]
    return {
        "version": card.version,
        "files": {path.name: round(path.stat().st_size / 1e6, 1) for path in members},
        "int8": all(floor.is_int8(path) for path in members),
        "gmac": round(sum(floor.multiply_adds(path) for path in members), 3),
        "depthwise_gmac": round(sum(floor.multiply_adds(path, depthwise_alone=True) for path in members), 3),
        # Copied from the card: only `make evaluate` has the images to measure this.
        "precision": card.document["metrics"].get("precision"),
    }


def _image(ruler: Ruler, key: str, runs: int, calls: tuple[str, ...] | None = None) -> dict[str, Any]:
    """Return times and ratios for one image. `calls`: calls of the subject `ours` to measure, by default all."""
    names = calls or ("handler", "handler_heatmap", "upload", "upload_heatmap")
    candidates = {name: Candidate("ours", name, key) for name in names}
    candidates |= {name: Candidate(name, name, key) for name in ("bare", "origin")}
    rounds = ruler.rounds(candidates, runs)
    pairs = {name: pair for name, pair in _PAIRS.items() if set(pair) <= set(candidates)}
    return {"rounds": rounds.counts, "two_modes": _modes(rounds)} | {
        name: timing.compared({one: rounds.ms[one] for one in pair}, *pair) for name, pair in pairs.items()
    }


def _modes(rounds: Rounds) -> dict[str, tuple[float, float]]:
    """Return the two modes of each candidate whose times have two modes."""
    found = {name: timing.two_modes(values) for name, values in rounds.ms.items()}
    return {name: modes for name, modes in found.items() if modes}


def _batch(ruler: Ruler, runs: int) -> dict[str, Any]:
    candidates = {name: Candidate("ours", name, "jpeg_224") for name in ("one_by_one", "batch")}
    rounds = ruler.rounds(candidates, runs)
    return timing.compared(rounds.ms, "one_by_one", "batch") | {"rounds": rounds.counts}


def _openvino(ruler: Ruler, runs: int) -> dict[str, Any]:
    names = {"onnxruntime": "bare", "openvino": "openvino", "openvino_default": "openvino_default"}
    rounds = ruler.rounds({name: Candidate(subject, subject, "jpeg_224") for name, subject in names.items()}, runs)
    return {
        name: timing.compared({one: rounds.ms[one] for one in (name, "onnxruntime")}, name, "onnxruntime")
        for name in ("openvino", "openvino_default")
    }


def _bare_ms(found: dict[str, Any]) -> float:
    return float(found["jpeg_224"]["over_bare"]["ms"]["bare"]["median"])


def _floor(rates: dict[str, float], int8: bool, bare_ms: float) -> dict[str, Any]:
    """Return the rate of the model compared with the GEMM of onnxruntime."""
    kind = "int8" if int8 else "float32"
    work = _model()["gmac"]
    floor_ms = work / rates[kind] * 1000
    return {
        "gemm_gmac_per_second": rates,
        "model_gmac": work,
        "floor_ms": round(floor_ms, 2),
        "share_of_peak": round(floor_ms / bare_ms, 3),
        "kind": kind,
    }


def _emulated(console: Console, runs: int, cpus: list[int], origin_model: Path, scratch: Path) -> dict[str, Any]:
    """Return the same figures without AVX-512 and VNNI on this CPU (avx2.py), or {"why_not": a text}."""
    if machine.describe(())["kind"] == "avx2":
        return {"why_not": "This CPU has AVX2 and no VNNI: see the rows above."}
    try:
        packages = avx2.package(CACHE / "avx2")
    except avx2.NotEmulated as error:
        return {"why_not": f"Not measurable here: {error}."}
    if not children.saturates(packages):
        return {"why_not": "Not measurable here: onnxruntime still uses VNNI."}
    console.print("The same images with AVX2 and without VNNI …")
    found: dict[str, Any] = {}
    with subjects(("ours", "bare", "origin"), cpus, origin_model, scratch, packages) as ruler:
        for key, image in payloads.payloads().items():
            found[key] = {"film": image.name, **_image(ruler, key, runs, ("handler",))}
    with machine.pinned(cpus):
        rates = children.gemm_rates(len(cpus), packages)
    found["floor"] = _floor(rates, _model()["int8"], _bare_ms(found))
    return found
