"""Ours as it is served: the handler with a Function URL event, and the bare sessions that are its floor."""

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
# One line of log an answer, as on Lambda, goes to standard output; the benchmark has its own use for that.
os.environ.setdefault("POWERTOOLS_LOG_LEVEL", "CRITICAL")

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bench.films import Payload
from pneumonia.decode.dispatch import decode
from pneumonia.decode.limits import Limits
from pneumonia.handlers import api
from pneumonia.model.card import Card
from pneumonia.model.png import tagged
from pneumonia.model.preprocess import to_model_input
from pneumonia.predictor import process_predictor
from pneumonia.settings import process_settings

BATCH = 8
"""Images in one run of the model, where that is compared with one run each."""


@dataclass(frozen=True)
class Context:
    """What the handlers read of Lambda's context."""

    function_name: str = "bench"
    memory_limit_in_mb: int = 1769
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:bench"
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))


def event(film: Payload, *, heatmap: bool = False) -> dict[str, Any]:
    """A Function URL event that holds the image."""
    return {
        "version": "2.0",
        "rawPath": "/predict",
        "rawQueryString": "heatmap=true" if heatmap else "",
        "queryStringParameters": {"heatmap": "true"} if heatmap else {},
        "headers": {"content-type": film.content_type},
        "requestContext": {"http": {"method": "POST", "path": "/predict"}, "stage": "$default"},
        "body": base64.b64encode(film.data).decode(),
        "isBase64Encoded": True,
    }


def handler_call(film: Payload, *, heatmap: bool = False) -> Callable[[], object]:
    """One warm request, with or without a heatmap. Raises RuntimeError where the answer is not what was asked for."""
    request: Any = event(film, heatmap=heatmap)
    context: Any = Context()

    def call() -> object:
        answer = api.handler(request, context)
        if answer["statusCode"] != 200:
            raise RuntimeError(f"{film.name}: the handler answered {answer['statusCode']} {answer['body']}")
        return answer

    body = json.loads(call()["body"])  # type: ignore[index]
    if "pneumonia" not in body or ("heatmap" in body) != heatmap:
        raise RuntimeError(f"the handler's answer holds {sorted(body)}")
    return call


def upload_call(film: Payload, *, heatmap: bool = True) -> Callable[[], object]:
    """What the worker computes for an upload, from its bytes to those that go to S3: `heatmap` is always true there."""
    predictor = process_predictor()

    def call() -> object:
        found = predictor.predict(film.data, request_id="bench", heatmap=heatmap)
        png = tagged(found.heatmap_png, "bench") if found.heatmap_png else b""
        return png, json.dumps(found.body)

    return call


CALLS: dict[str, Callable[[Payload], Callable[[], object]]] = {
    "handler": handler_call,
    "handler_heatmap": partial(handler_call, heatmap=True),
    "upload": partial(upload_call, heatmap=False),
    "upload_heatmap": upload_call,
    "one_by_one": lambda film: one_by_one(film, BATCH),
    "batch": lambda film: in_one_batch(film, BATCH),
}
"""What the subject `ours` can be asked for."""


def folder() -> Path:
    return process_settings().model_dir


def card() -> Card:
    return Card.load(folder())


def limits() -> Limits:
    return process_predictor().limits


def inputs(film: Payload, copies: int = 1) -> list[NDArray[np.uint8]]:
    """The input of each member for `copies` of a film."""
    pixels = decode(film.data, limits()).pixels
    single = [
        to_model_input(pixels, member.input.height, member.input.width, stretch=card().stretch)
        for member in card().members
    ]
    return [np.repeat(one[np.newaxis], copies, axis=0) for one in single]


def bare_run(film: Payload) -> Callable[[], object]:
    """`session.run` of every member on an input that is ready: the floor of the handler."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = process_settings().intra_op_threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    sessions = [
        onnxruntime.InferenceSession(str(folder() / member.file), options, providers=["CPUExecutionProvider"])
        for member in card().members
    ]
    names = ["logit", "activation_map"]
    feeds = [{"image": batch} for batch in inputs(film)]
    return lambda: [session.run(names, feed) for session, feed in zip(sessions, feeds, strict=True)]


def openvino_run(film: Payload, precision: str | None = None) -> Callable[[], object]:
    """The same files and inputs through OpenVINO's CPU plugin, as many threads.

    `precision`: "f32" keeps it from computing a float32 graph in bfloat16, as it does by default where the CPU can.
    """
    import openvino  # only here: the child processes that measure memory must not load it

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
    feeds = [{"image": batch} for batch in inputs(film)]
    return lambda: [request.infer(feed) for request, feed in zip(requests, feeds, strict=True)]


def one_by_one(film: Payload, count: int) -> Callable[[], object]:
    """`count` films decoded and predicted each by itself."""
    predictor = process_predictor()
    return lambda: [predictor._model.predict([decode(film.data, limits()).pixels]) for _ in range(count)]


def in_one_batch(film: Payload, count: int) -> Callable[[], object]:
    """`count` films decoded one after the other and predicted in one run."""
    predictor = process_predictor()
    return lambda: predictor._model.predict([decode(film.data, limits()).pixels for _ in range(count)])
