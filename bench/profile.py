"""Measure the time of each step of a warm request, and the time of each kind of operator in the model."""

import json
import statistics
import tempfile
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

ROUNDS = 15
_KERNEL = "_kernel_time"


def request_parts() -> dict[str, dict[str, float]]:
    """Return the median ms of each step for each image of the benchmark, from requests with `?heatmap=true`.

    `decode`, `preprocess` and `model` come from `timing_ms` in the response. `heatmap` is the rest of the total in
    `timing_ms`. `around` is the rest of the handler's time: base64, JSON, routing.
    """
    import time

    from bench import payloads, served

    found = {}
    for key, image in payloads.payloads().items():
        call = served.handler_call(image, heatmap=True)
        laps = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            answer: Any = call()
            laps.append(parts_of(json.loads(answer["body"])["timing_ms"], (time.perf_counter() - start) * 1000))
        found[key] = {name: round(statistics.median(lap[name] for lap in laps), 2) for name in laps[0]}
    return found


def parts_of(timing: Mapping[str, float], whole_ms: float) -> dict[str, float]:
    """Return the ms of each step. `timing`: the `timing_ms` of a response. `whole_ms`: total time of the handler."""
    told = {name: timing[name] for name in ("decode", "preprocess", "model")}
    return told | {"heatmap": timing["total"] - sum(told.values()), "around": whole_ms - timing["total"]}


def model_parts() -> dict[str, float]:
    """Return the ms of one run of the graphs by kind of operator, as measured by onnxruntime's profiler."""
    import onnx
    import onnxruntime

    from bench import payloads, served

    image = payloads.payloads()["jpeg_224"]
    total: Counter[str] = Counter()
    for member, batch in zip(served.card().members, served.inputs(image), strict=True):
        with tempfile.TemporaryDirectory() as folder:
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            options.enable_profiling = True
            options.profile_file_prefix = str(Path(folder) / "profile")
            options.optimized_model_filepath = str(Path(folder) / "optimised.onnx")
            path = str(served.folder() / member.file)
            session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            for _ in range(ROUNDS):
                session.run(["logit", "activation_map"], {"image": batch})
            events = json.loads(Path(session.end_profiling()).read_text(encoding="utf-8"))
            nodes = onnx.load(options.optimized_model_filepath).graph.node
        depthwise = {node.name for node in nodes if any(one.name == "group" and one.i > 1 for one in node.attribute)}
        total.update(by_kind(events, depthwise))
    return {kind: round(microseconds / 1000 / ROUNDS, 3) for kind, microseconds in total.most_common()}


def by_kind(events: Iterable[Mapping[str, Any]], depthwise: Collection[str]) -> Counter[str]:
    """Return the microseconds of a profile by kind of operator. `depthwise`: names of the depthwise convolutions."""
    found: Counter[str] = Counter()
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith(_KERNEL):
            kind = _kind(event["args"]["op_name"], event["name"].removesuffix(_KERNEL) in depthwise)
            found[kind] += event["dur"]
    return found


def _kind(name: str, grouped: bool) -> str:
    if "Conv" in name:
        return "depthwise convolutions" if grouped else "other convolutions"
    if "Pool" in name:
        return "pooling"
    if name in ("QuantizeLinear", "DequantizeLinear", "Cast"):
        return "conversion of numbers"
    return "everything else"
