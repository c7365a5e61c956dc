"""The worker function inside the image, between two buckets of a mock S3 on this machine."""

import json
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from tests.conftest import LoadEvent
from tests.container.conftest import Function, StartFunction

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

pytestmark = [
    pytest.mark.container,
    pytest.mark.skipif(sys.platform != "linux", reason="only Docker on Linux gives containers the address of the host"),
]

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-central-1",
}
UPLOADS, RESULTS = "container-uploads", "container-results"
KEY = "ward 3/Röntgen +1.png"


@pytest.fixture(scope="module")
def s3(host_address: str) -> Iterator["S3Client"]:
    server = ThreadedMotoServer(ip_address=host_address, port=0)
    server.start()
    host, port = server.get_host_and_port()
    client = boto3.client(
        "s3",
        endpoint_url=f"http://{host}:{port}",
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=CREDENTIALS["AWS_DEFAULT_REGION"],
    )
    for bucket in (UPLOADS, RESULTS):
        client.create_bucket(
            Bucket=bucket,
            CreateBucketConfiguration={"LocationConstraint": "eu-central-1"},
        )
    yield client
    client.close()
    server.stop()


@pytest.fixture(scope="module")
def worker(start_function: StartFunction, s3: "S3Client") -> Function:
    return start_function(
        "pneumonia.handlers.worker.handler",
        RESULTS_BUCKET=RESULTS,
        AWS_ENDPOINT_URL=s3.meta.endpoint_url,
        **CREDENTIALS,
    )


def record(load_event: LoadEvent, message_id: str, bucket: str, key: str, etag: str = "0") -> dict[str, Any]:
    """Return a recorded SQS record for another object. `key`: as S3 encodes it."""
    (message,) = load_event("sqs_s3_put")["Records"]
    body = json.loads(message["body"])
    body["Records"][0]["s3"]["bucket"]["name"] = bucket
    body["Records"][0]["s3"]["object"]["key"] = key
    body["Records"][0]["s3"]["object"]["eTag"] = etag
    return {**message, "messageId": message_id, "body": json.dumps(body)}


def stored(s3: "S3Client", key: str) -> bytes:
    return s3.get_object(Bucket=RESULTS, Key=key)["Body"].read()


def test_turns_a_batch_of_uploads_into_results(
    worker: Function, s3: "S3Client", load_event: LoadEvent, xray: bytes
) -> None:
    xray_etag = s3.put_object(Bucket=UPLOADS, Key=KEY, Body=xray)["ETag"].strip('"')
    letter_etag = s3.put_object(Bucket=UPLOADS, Key="letter.png", Body=b"%PDF-1.7")["ETag"].strip('"')
    (test_event,) = load_event("sqs_s3_test_event")["Records"]
    batch = [
        test_event,
        record(load_event, "film", UPLOADS, "ward+3/R%C3%B6ntgen+%2B1.png", xray_etag),
        record(load_event, "letter", UPLOADS, "letter.png", letter_etag),
        record(load_event, "our-own-failure", "no-such-bucket", "film.png"),
    ]
    assert worker.invoke({"Records": batch}) == {"batchItemFailures": [{"itemIdentifier": "our-own-failure"}]}, (
        worker.log()
    )

    predicted = json.loads(stored(s3, f"{KEY}.json"))
    assert predicted["status"] == "predicted"
    assert predicted["label"] == "pneumonia"
    assert predicted["source"]["key"] == KEY
    assert stored(s3, f"{KEY}.heatmap.png").startswith(b"\x89PNG")

    rejected = json.loads(stored(s3, "letter.png.json"))
    assert rejected["status"] == "rejected"
    assert rejected["code"] == "unsupported_format"
    assert rejected.keys().isdisjoint({"normal", "pneumonia", "label"})

    log = worker.log()
    assert "ntgen" not in log
    assert "letter" not in log
