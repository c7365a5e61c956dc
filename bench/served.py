"""The calls of our service to measure: the handler with a Function URL event, and the bare model as its lower limit."""

import base64
import json
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("AUTH_MODE", "none")
# Silence the log: each request logs a line to standard output, which the benchmark uses for its results.
os.environ.setdefault("POWERTOOLS_LOG_LEVEL", "CRITICAL")

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bench.payloads import Payload
from pneumonia.decode.dispatch import decode
from pneumonia.decode.limits import Limits
from pneumonia.handlers import api
from pneumonia.model.card import Card
from pneumonia.model.png import tagged
from pneumonia.model.preprocess import to_model_input
from pneumonia.predictor import process_predictor
from pneumonia.settings import process_settings

BATCH = 8
"""Images in one run of the model, for the comparison with one run for each image."""


@dataclass(frozen=True)
class Context:
    """The members of Lambda's context that the handlers read."""

    function_name: str = "bench"
    memory_limit_in_mb: int = 1769
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:bench"
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


def event(payload: Payload, *, heatmap: bool = False) -> dict[str, Any]:
    """Return a Function URL event with the image."""
    return {
        "version": "2.0",
        "rawPath": "/predict",
        "rawQueryString": "heatmap=true" if heatmap else "",
        "queryStringParameters": {"heatmap": "true"} if heatmap else {},
        "headers": {"content-type": payload.content_type},
        "requestContext": {"http": {"method": "POST", "path": "/predict"}, "stage": "$default"},
        "body": base64.b64encode(payload.data).decode(),
        "isBase64Encoded": True,
    }


def handler_call(payload: Payload, *, heatmap: bool = False) -> Callable[[], object]:
    """Return a call that sends a request, with or without a heatmap. Raises RuntimeError for an unexpected response."""
    request: Any = event(payload, heatmap=heatmap)
    context: Any = Context()

    def call() -> object:
        answer = api.handler(request, context)
        if answer["statusCode"] != 200:
            raise RuntimeError(f"{payload.name}: the handler returned {answer['statusCode']} {answer['body']}")
        return answer

    body = json.loads(call()["body"])  # type: ignore[index]
    if "pneumonia" not in body or ("heatmap" in body) != heatmap:
        raise RuntimeError(f"the handler's response contains {sorted(body)}")
    return call


def upload_call(payload: Payload, *, heatmap: bool = True) -> Callable[[], object]:
    """Return a call that processes an upload, from its bytes to the bytes for S3. The worker always sets `heatmap`."""
    predictor = process_predictor()

    def call() -> object:
        found = predictor.predict(payload.data, request_id="bench", heatmap=heatmap)
        png = tagged(found.heatmap_png, "bench") if found.heatmap_png else b""
        return png, json.dumps(found.body)

    return call


CALLS: dict[str, Callable[[Payload], Callable[[], object]]] = {
    "handler": handler_call,
    "handler_heatmap": partial(handler_call, heatmap=True),
    "upload": partial(upload_call, heatmap=False),
    "upload_heatmap": upload_call,
    "one_by_one": lambda payload: one_by_one(payload, BATCH),
    "batch": lambda payload: in_one_batch(payload, BATCH),
}
"""The calls of the subject `ours`."""


def folder() -> Path:
    return process_settings().model_dir


def card() -> Card:
    return Card.load(folder())


def limits() -> Limits:
    return process_predictor().limits


def inputs(payload: Payload, copies: int = 1) -> list[NDArray[np.uint8]]:
    """Return the input array of each model member for `copies` copies of a payload."""
    pixels = decode(payload.data, limits()).pixels
    single = [
        to_model_input(pixels, member.input.height, member.input.width, stretch=card().stretch)
        for member in card().members
    ]
    return [np.repeat(one[np.newaxis], copies, axis=0) for one in single]


def bare_run(payload: Payload) -> Callable[[], object]:
    """Return a call that only runs every model member on a prepared input: the lower limit of the handler's time."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = process_settings().intra_op_threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    sessions = [
        onnxruntime.InferenceSession(str(folder() / member.file), options, providers=["CPUExecutionProvider"])
        for member in card().members
    ]
    names = ["logit", "activation_map"]
    feeds = [{"image": batch} for batch in inputs(payload)]
    return lambda: [session.run(names, feed) for session, feed in zip(sessions, feeds, strict=True)]


def openvino_run(payload: Payload, precision: str | None = None) -> Callable[[], object]:
    """Return a call that runs the same model files and inputs on OpenVINO's CPU plugin, with as many threads.

    `precision`: "f32" makes OpenVINO compute float32 graphs in float32. Its default is bfloat16 where supported.
    """
    import openvino  # imported here, because the child processes that measure memory must not load it

    core = openvino.Core()
    config: dict[str, Any] = {
        "INFERENCE_NUM_THREADS": process_settings().intra_op_threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    if precision:
        config["INFERENCE_PRECISION_HINT"] = precision
    requests = [
        core.compile_model(core.read_model(folder() / member.file), "CPU", config).create_infer_request()
        for member in card().members
    ]
    feeds = [{"image": batch} for batch in inputs(payload)]
    return lambda: [request.infer(feed) for request, feed in zip(requests, feeds, strict=True)]


def one_by_one(payload: Payload, count: int) -> Callable[[], object]:
    """Return a call that decodes and predicts `count` copies of a payload one by one."""
    predictor = process_predictor()
    return lambda: [predictor._model.predict([decode(payload.data, limits()).pixels]) for _ in range(count)]


def in_one_batch(payload: Payload, count: int) -> Callable[[], object]:
    """Return a call that decodes `count` copies of a payload in sequence and predicts them in one run."""
    predictor = process_predictor()
    return lambda: predictor._model.predict([decode(payload.data, limits()).pixels for _ in range(count)])
