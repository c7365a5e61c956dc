"""Send many uploads at once through the local cloud: the handlers of AWS, with S3 and SQS on this machine.

    python -m bench.scale.load [--images 300] [--instances 2]

Instances of the worker are separate processes that take batches from one queue, like the pollers of Lambda. One process
serves S3 and SQS, so this measures the behaviour of the queue, not the speed of AWS. The results go into the section
`load` of bench/results.json.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import boto3
from rich.console import Console

from bench import machine, measurements, payloads
from pneumonia_cli.local.cloud import Cloud, client_environment, local_cloud
from pneumonia_cli.local.environment import export_settings
from pneumonia_cli.local.lambda_context import LocalContext
from pneumonia_cli.local.names import UPLOAD_BUCKET
from pneumonia_cli.local.poller import Poller
from pneumonia_cli.stack.context import default_settings

UPLOADERS = 4
_PLACE = "BENCH_CLOUD"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=300, help="images to upload; default: %(default)s")
    parser.add_argument("--instances", type=int, default=2, help="instances of the worker; default: %(default)s")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        instance()
        return
    found = measure(Console(), args.images, args.instances)
    measurements.store("load", found)


def measure(console: Console, images: int, instances: int) -> dict[str, Any]:
    """Upload `images` images. Return how long the run took and how long messages waited in the queue."""
    settings = default_settings()
    described = machine.describe(("onnxruntime", "numpy", "pillow"))
    with local_cloud(settings) as cloud:
        environment = dict(os.environ)
        export_settings(settings, environment)
        console.print(f"Starting {instances} instances …")
        workers = [_start(cloud, environment) for _ in range(instances)]
        try:
            for worker in workers:
                _line(worker)
            console.print(f"Uploading {images} images …")
            start = time.time()
            _upload(cloud, images)
            uploaded = time.time()
            batches = _batches(workers, images)
        finally:
            for worker in workers:
                worker.kill()
                worker.communicate()
    return {
        "machine": described,
        "images": images,
        "instances": instances,
        "batch": settings.batch_size,
        **summary(batches, start, uploaded),
    }


def summary(batches: list[dict[str, Any]], start: float, uploaded: float) -> dict[str, Any]:
    """Return the figures of a run. Each batch has `begin`, `end`, and the times when its messages were `sent`."""
    done = max(batch["end"] for batch in batches)
    images = sum(len(batch["sent"]) for batch in batches)
    ages = [batch["begin"] - sent for batch in batches for sent in batch["sent"]]
    return {
        "batches": len(batches),
        "upload_seconds": round(uploaded - start, 2),
        "seconds": round(done - start, 2),
        "images_per_second": round(images / (done - start), 2),
        "batch_ms": round(1000 * statistics.median(batch["end"] - batch["begin"] for batch in batches), 1),
        "oldest_seconds": round(max(ages), 2),
        "median_age_seconds": round(statistics.median(ages), 2),
    }


def _upload(cloud: Cloud, images: int) -> None:
    data = payloads.payloads()["jpeg_224"].data

    def put(number: int) -> None:
        cloud.s3.put_object(Bucket=UPLOAD_BUCKET, Key=f"load/{number}.jpg", Body=data)

    with ThreadPoolExecutor(UPLOADERS) as pool:
        list(pool.map(put, range(images)))


def _start(cloud: Cloud, environment: Mapping[str, str]) -> "subprocess.Popen[str]":
    place = json.dumps([cloud.endpoint_url, cloud.queue_url, cloud.queue_arn, cloud.dead_letter_queue_url])
    own = {**environment, **client_environment(cloud.endpoint_url), _PLACE: place, "POWERTOOLS_LOG_LEVEL": "CRITICAL"}
    own["PYTHONPATH"] = os.pathsep.join(entry for entry in sys.path if entry)
    command = [sys.executable, "-m", "bench.scale.load", "--worker"]
    root = Path(__file__).resolve().parents[2]
    return subprocess.Popen(command, env=own, cwd=root, stdout=subprocess.PIPE, text=True)


def _line(worker: "subprocess.Popen[str]") -> Any:
    line = worker.stdout.readline() if worker.stdout else ""
    if not line:
        raise RuntimeError("an instance of the worker ended")
    return json.loads(line)


def _batches(workers: list["subprocess.Popen[str]"], images: int) -> list[dict[str, Any]]:
    """Return the instances' reports on their batches, after all images are done."""
    found: list[dict[str, Any]] = []
    with ThreadPoolExecutor(len(workers)) as pool:
        done = [0]

        def follow(worker: "subprocess.Popen[str]") -> None:
            while done[0] < images:
                batch = _line(worker)
                if batch["sent"]:
                    found.append(batch)
                    done[0] += len(batch["sent"])

        list(pool.map(follow, workers))
    return found


def instance() -> None:
    """Take batches from the queue, and print when each began and ended, or that a poll was empty."""
    from pneumonia.handlers import worker
    from pneumonia.predictor import process_predictor

    endpoint, queue_url, queue_arn, dead_letters = json.loads(os.environ[_PLACE])
    cloud = Cloud(
        endpoint, boto3.client("s3", endpoint_url=endpoint), boto3.client("sqs", endpoint_url=endpoint),
        queue_url, queue_arn, dead_letters,
    )  # fmt: skip
    process_predictor()
    settings = default_settings()

    def handle(event: dict[str, Any], context: Any) -> Any:
        begin = time.time()
        answer: Any = worker.handler(event, context)
        failed = {item["itemIdentifier"] for item in answer["batchItemFailures"]}
        sent = [
            int(one["attributes"]["SentTimestamp"]) / 1000 for one in event["Records"] if one["messageId"] not in failed
        ]
        _say({"begin": begin, "end": time.time(), "sent": sent})
        return answer

    poller = Poller(
        cloud,
        handle,
        lambda: LocalContext("load", settings.worker_timeout_seconds, settings.memory_mb),
        settings.batch_size,
    )
    _say("ready")
    while True:
        if not poller.poll(wait_seconds=1):
            _say({"sent": []})


def _say(text: Any) -> None:
    print(json.dumps(text), flush=True)


if __name__ == "__main__":
    main()
