"""Upload images and fetch their results with boto3, as a user of the stack does."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from pneumonia.uploads.names import JSON_SUFFIX, result_key
from pneumonia_cli.local.cloud import Cloud
from pneumonia_cli.local.names import RESULT_BUCKET, UPLOAD_BUCKET
from pneumonia_cli.reporting.images import ImageFile
from pneumonia_cli.reporting.outcome import Outcome

THREADS = 4  # more would only wait for the one process of the local S3
_LOOK_EVERY_SECONDS = 0.2

OnProgress = Callable[[], None]


def upload(cloud: Cloud, images: Sequence[ImageFile], on_progress: OnProgress) -> dict[ImageFile, str]:
    """Upload all images, several at once. Returns the reason for each image that failed."""

    def put(image: ImageFile) -> str | None:
        try:
            with image.path.open("rb") as stream:
                cloud.s3.put_object(Bucket=UPLOAD_BUCKET, Key=image.safe_name, Body=stream)
        except OSError as error:
            return f"The file could not be read: {error.strerror}."
        except (BotoCoreError, ClientError) as error:
            return f"The upload failed: {error}"
        finally:
            on_progress()
        return None

    with ThreadPoolExecutor(THREADS) as pool:
        failures = zip(images, pool.map(put, images), strict=True)
        return {image: why for image, why in failures if why is not None}


def collect(
    cloud: Cloud, images: Sequence[ImageFile], patience_seconds: float, on_progress: OnProgress
) -> list[Outcome]:
    """Wait for the results of uploaded images and fetch them. Returns them in the order of `images`.

    Stops waiting once the dead-letter queue holds a message for each missing result, or after `patience_seconds`
    without a new result. Missing results are returned with the reason.
    """
    waiting = {result_key(image.safe_name, JSON_SUFFIX): image for image in images}
    found: dict[ImageFile, Outcome] = {}
    reason = "The results bucket holds no result."
    last_news = time.monotonic()
    with ThreadPoolExecutor(THREADS) as pool:
        while waiting:
            started = time.monotonic()
            # Read the dead letters before the results. A result that is stored in between is then found, not given up.
            dead = cloud.dead_letters()
            arrived = [(waiting.pop(key), key) for key in _result_keys(cloud) if key in waiting]
            for outcome in pool.map(lambda pair: _fetch(cloud, *pair), arrived):
                found[outcome.image] = outcome
                last_news = time.monotonic()
                on_progress()
            if waiting and dead >= len(waiting):
                reason = f"The worker failed. The message is in the dead-letter queue, which holds {dead} messages."
                break
            if time.monotonic() - last_news > patience_seconds:
                reason = f"No new result for {patience_seconds:g} s."
                break
            # Listing a bucket with many objects slows down the worker, so it is done rarely.
            time.sleep(max(_LOOK_EVERY_SECONDS, 4 * (time.monotonic() - started)) if waiting else 0)
    return [found.get(image) or Outcome(image, missing=reason) for image in images]


def _result_keys(cloud: Cloud) -> Iterator[str]:
    for page in cloud.s3.get_paginator("list_objects_v2").paginate(Bucket=RESULT_BUCKET):
        for entry in page.get("Contents", []):
            yield entry["Key"]


def _fetch(cloud: Cloud, image: ImageFile, key: str) -> Outcome:
    document: dict[str, Any] = json.loads(_read(cloud, RESULT_BUCKET, key))
    heatmap = document.get("heatmap")
    png = _read(cloud, heatmap["bucket"], heatmap["key"]) if heatmap else None
    return Outcome(image, document, png)


def _read(cloud: Cloud, bucket: str, key: str) -> bytes:
    with contextlib.closing(cloud.s3.get_object(Bucket=bucket, Key=key)["Body"]) as body:
        return body.read()
