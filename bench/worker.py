"""Measure the throughput of the worker: uploads in batches and one by one, with and without latency of a local S3.

    python -m bench.worker [--runs 10]

S3 is the server of moto in a separate process. The latency is a sleep before each call of the worker, in the calling
thread. The results go into the section `worker` of bench/results.json, and into the tables of bench/README.md.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
from rich.console import Console

from bench import cost, machine, payloads, quiet, timing

BATCH = 5
"""Uploads in a batch: the default of the setting batch_size."""

LATENCIES_MS = (0, 100)
"""Latencies of a call to S3. The second value is the lower end of the "roughly 100-200 milliseconds" that AWS gives
for small objects and first bytes (Amazon S3 User Guide, Performance design patterns)."""

MEMORY_MB = 1769
UPLOADS, RESULTS = "uploads", "results"
REGION = "us-east-1"
PATIENCE_SECONDS = 60


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10, help="batches of each candidate; default: %(default)s")
    runs = parser.parse_args().runs
    quiet.in_own_session()
    with local_s3() as address:  # started before this process is pinned, so the server is not pinned
        os.environ |= {
            "AWS_ENDPOINT_URL_S3": address,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",  # nosec B105
            "AWS_DEFAULT_REGION": REGION,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "RESULTS_BUCKET": RESULTS,
            "POWERTOOLS_LOG_LEVEL": "CRITICAL",
            "INTRA_OP_THREADS": "1",
            "NO_PROXY": "127.0.0.1,localhost",
        }
        machine.pin(1)
        from bench import measurements, report

        content = measure(Console(), runs)
    report.write_tables(measurements.store("worker", content), Console())


def measure(console: Console, runs: int) -> dict[str, Any]:
    """Return every figure of the section `worker`."""
    from pneumonia.predictor import process_predictor
    from pneumonia.uploads.concurrency import IN_FLIGHT

    described = machine.describe(("onnxruntime", "numpy", "pillow"))
    version = process_predictor().card.version
    found: dict[str, Any] = {
        "machine": described,
        "model_version": version,
        "batch": BATCH,
        "in_flight": IN_FLIGHT,
        "latency": {},
    }
    for latency in LATENCIES_MS:
        console.print(f"Batches of {BATCH} and one by one, {latency} ms of latency, {runs} times …")
        candidates = {"one_by_one": _delivery(1, runs), "batch": _delivery(BATCH, runs)}
        cpu = time.process_time()
        with _latency(latency / 1000):
            taken = timing.interleaved(candidates, runs)
        cpu_ms = (time.process_time() - cpu) * 1000
        entry = timing.compared(taken, "one_by_one", "batch")
        entry["cpu_ms_per_film"] = round(cpu_ms / (len(candidates) * (timing.WARM_UP + runs) * BATCH), 2)
        entry["films_per_second"] = {
            name: round(BATCH * 1000 / spread["median"], 2) for name, spread in entry["ms"].items()
        }
        found["latency"][str(latency)] = entry
    found["usd_per_thousand"] = {"computing": _usd(found["latency"]["0"]["cpu_ms_per_film"])} | {
        latency: _usd(entry["ms"]["batch"]["median"] / BATCH) for latency, entry in found["latency"].items()
    }
    return found


def _usd(milliseconds: float) -> dict[str, float]:
    """Return the price of Lambda in USD for 1,000 uploads of `milliseconds` each, in batches of BATCH, by architecture.

    The time was not measured on arm64, so the price for arm64 assumes the same time.
    """
    return {
        architecture: cost.usd_per_thousand_in_batches(milliseconds, BATCH, MEMORY_MB, architecture)
        for architecture in cost.USD_PER_GB_SECOND
    }


def _delivery(size: int, runs: int) -> Callable[[], object]:
    """Return a call that delivers BATCH new uploads, `size` per event, and raises RuntimeError if one fails."""
    from bench.served import Context
    from pneumonia.handlers import worker

    context: Any = Context()
    waiting = _uploaded(f"by-{size}", (timing.WARM_UP + runs) * BATCH)

    def call() -> None:
        records = [waiting.pop() for _ in range(BATCH)]
        for start in range(0, BATCH, size):
            answer: Any = worker.handler({"Records": records[start : start + size]}, context)
            if answer["batchItemFailures"]:
                raise RuntimeError("an upload was returned to the queue")

    return call


def _uploaded(prefix: str, count: int) -> list[dict[str, Any]]:
    """Make `count` new uploads, which have no result yet, and return their SQS records."""
    client = boto3.client("s3")  # a new client: the worker's client has the added latency
    for bucket in (UPLOADS, RESULTS):
        client.create_bucket(Bucket=bucket)
    data = payloads.payloads()["jpeg_224"].data
    found = []
    for _ in range(count):
        key = f"{prefix}/{uuid.uuid4()}.jpg"
        etag = client.put_object(Bucket=UPLOADS, Key=key, Body=data)["ETag"].strip('"')
        found.append(_record(key, etag, len(data)))
    client.close()
    return found


@contextmanager
def _latency(seconds: float) -> Iterator[None]:
    """Delay every call of the worker to S3 by `seconds`, in the calling thread."""
    from pneumonia import aws

    events = aws.s3().meta.events

    def wait(**_: object) -> None:
        time.sleep(seconds)

    events.register("before-send.s3", wait)
    try:
        yield
    finally:
        events.unregister("before-send.s3", wait)


@contextmanager
def local_s3() -> Iterator[str]:
    """Run the server of moto in a separate process, and yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    ) as server:
        os.sched_setaffinity(server.pid, machine.all_cpus() - set(machine.last_cpus(1)) or machine.all_cpus())
        quiet.serve_first(server.pid)
        try:
            _wait(port)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.kill()


def _wait(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the local S3 does not listen")


def _record(key: str, etag: str, size: int) -> dict[str, Any]:
    event = {
        "eventVersion": "2.1",
        "eventSource": "aws:s3",
        "eventTime": "2026-11-25T00:00:00.000Z",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": UPLOADS}, "object": {"key": key, "size": size, "eTag": etag, "sequencer": "0A"}},
    }
    return {
        "messageId": key,
        "receiptHandle": "handle",
        "body": json.dumps({"Records": [event]}),
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {},
        "md5OfBody": "",
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:uploads",
        "awsRegion": REGION,
    }


if __name__ == "__main__":
    main()
