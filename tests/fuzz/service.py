"""Call both handlers as Lambda does, with a tiny model, and check the rules that every response must meet."""

import base64
import copy
import json
import os
from pathlib import Path
from typing import Any

import boto3

from tests.conftest import EVENTS, FakeContext, make_bucket

UPLOADS, RESULTS = "pneumonia-uploads-123456789012", "results"
REGION = "eu-central-1"
ENVIRONMENT = {
    "RESULTS_BUCKET": RESULTS,
    "AUTH_MODE": "none",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": REGION,
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}
CODES = frozenset(
    {"malformed_request", "missing_image", "url_not_allowed", "too_large", "unsupported_format", "undecodable_image",
     "took_too_long", "multi_frame", "not_a_radiograph", "for_processing", "not_a_chest_xray", "wrong_orientation",
     "too_small", "blank_image"}
)  # fmt: skip
CONTEXT = FakeContext()


class BrokenPromise(AssertionError):
    """A handler returned a response that no input may get."""


def http_event(body: bytes, *, content_type: str = "application/octet-stream", query: str = "") -> dict[str, Any]:
    """Return a Function URL event with `body`, encoded as Lambda encodes bytes."""
    event = copy.deepcopy(_recorded("function_url_none"))
    event["headers"]["content-type"] = content_type
    event["rawQueryString"] = query
    event["body"], event["isBase64Encoded"] = base64.b64encode(body).decode(), True
    return event


def through_api(event: dict[str, Any]) -> str:
    """Send an event and return the outcome: `predicted` or the code of the refusal. Raises BrokenPromise."""
    from pneumonia.handlers import api  # imported here: it loads the model, which needs the environment

    answer = api.handler(event, CONTEXT)
    document = json.loads(answer["body"])
    if answer["statusCode"] == 200:
        return _predicted(document)
    return _refused(answer["statusCode"], document)


def through_worker(data: bytes, key: str) -> str:
    """Upload a file and return the outcome in its result. Raises BrokenPromise."""
    from pneumonia.handlers import worker

    client = boto3.client("s3", region_name=REGION)
    stored = client.put_object(Bucket=UPLOADS, Key=key, Body=data)
    event = copy.deepcopy(_recorded("sqs_s3_put_versioned"))
    message = json.loads(event["Records"][0]["body"])
    message["Records"][0]["s3"]["object"] = {
        "key": key,
        "size": len(data),
        "eTag": stored["ETag"].strip('"'),
        "versionId": stored["VersionId"],
        "sequencer": "0A",
    }
    event["Records"][0]["body"] = json.dumps(message)
    failed = worker.handler(event, CONTEXT)["batchItemFailures"]
    if failed:
        raise BrokenPromise("The worker returned the message to the queue.")
    document = json.loads(client.get_object(Bucket=RESULTS, Key=f"{key}.json")["Body"].read())
    return _predicted(document) if document["status"] == "predicted" else _refused(None, document)


def make_buckets() -> None:
    client = boto3.client("s3", region_name=REGION)
    make_bucket(client, UPLOADS, versioned=True)
    make_bucket(client, RESULTS)


def _predicted(document: dict[str, Any]) -> str:
    if not 0 <= document["pneumonia"] <= 1 or abs(document["normal"] + document["pneumonia"] - 1) > 2e-6:
        raise BrokenPromise("The result contains an invalid probability.")
    return "predicted"


def _refused(status: int | None, document: dict[str, Any]) -> str:
    if document["code"] not in CODES or not 400 <= (status or document.get("status_code", 400)) < 500:
        raise BrokenPromise(f"The status is {status} with the code {document['code']}.")
    if "pneumonia" in document or "normal" in document:
        raise BrokenPromise("The refusal contains a probability.")
    return str(document["code"])


def _recorded(name: str) -> dict[str, Any]:
    return dict(json.loads((Path(EVENTS) / f"{name}.json").read_text(encoding="utf-8")))
