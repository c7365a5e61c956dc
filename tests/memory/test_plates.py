"""Uncompressed CR and DX plates pass from a presigned upload to their result within the default limits."""

import io
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pneumonia.decode.limits import Limits
from pneumonia.uploads.presign import presigned_post
from pneumonia_cli.local.cloud import Cloud, local_cloud
from pneumonia_cli.local.environment import export_settings
from pneumonia_cli.local.names import QUEUE, REGION, RESULT_BUCKET, UPLOAD_BUCKET
from pneumonia_cli.stack.context import default_settings
from tests.conftest import TinyMember, write_artifacts
from tests.deep_films import Values, dicom, tiff
from tests.memory.measure import Cost, Function, function
from tests.unit.decode.conftest import dataset_of, encoded

CR, DX = (4280, 3520), (4300, 4300)
MOST_MEGABYTES, MOST_DECODER_MEGABYTES = 280, 155

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from Linux's /proc"),
]


def plate(size: tuple[int, int]) -> Values:
    """Return a 12-bit image with noise, uint16 [rows, columns]."""
    rows, columns = size
    wedge = (
        np.linspace(300, 3300, columns, dtype=np.float32) + np.linspace(0, 400, rows, dtype=np.float32)[:, np.newaxis]
    )
    noise = np.random.default_rng(0).integers(0, 20, size, dtype=np.uint16)
    return np.asarray(wedge.astype(np.uint16) + noise)


def table() -> Sequence:
    """Return a VOI LUT as in CR files."""
    item = Dataset()
    item.LUTDescriptor = [4096, 0, 12]
    item.LUTData = np.arange(4096).astype("<u2").tobytes()
    item["LUTDescriptor"].VR, item["LUTData"].VR = "US", "OW"
    return Sequence([item])


WINDOW = {"WindowCenter": 2000, "WindowWidth": 3600}
NARROW = {"WindowCenter": 900, "WindowWidth": 900}
PLATES: dict[str, Callable[[], bytes]] = {
    "cr": lambda: dicom(plate(CR), 12),
    "cr-window": lambda: dicom(plate(CR), 12, **WINDOW),
    "cr-table": lambda: dicom(plate(CR), 12, VOILUTSequence=table(), PhotometricInterpretation="MONOCHROME1"),
    "cr-padding": lambda: dicom(plate(CR), 12, PixelPaddingValue=0, **WINDOW),
    "cr-high-bit": lambda: encoded(dataset_of(plate(CR) << 4, BitsStored=12, HighBit=15)),
    "dx-window-ignored": lambda: dicom(plate(DX), 12, **NARROW),
    "dx-table": lambda: dicom(plate(DX), 12, VOILUTSequence=table()),
    "tiff": lambda: tiff(plate(CR), ">", white_is_zero=True),
}


@dataclass(frozen=True)
class Service:
    """The local cloud, and a worker in a separate process."""

    cloud: Cloud
    worker: Function

    def event(self, name: str, data: bytes) -> bytes:
        """Upload a file with a presigned POST, and return the resulting SQS event."""
        post = presigned_post(UPLOAD_BUCKET, name, "application/octet-stream", Limits.max_image_bytes, 600)
        assert len(data) <= Limits.max_image_bytes  # the local cloud does not check it
        requests.post(post["url"], data=post["fields"], files={"file": ("image", data)}, timeout=60).raise_for_status()
        body = ""
        while "Records" not in body:  # the first message is S3's test event
            (message,) = self.cloud.sqs.receive_message(QueueUrl=self.cloud.queue_url, WaitTimeSeconds=5)["Messages"]
            self.cloud.sqs.delete_message(QueueUrl=self.cloud.queue_url, ReceiptHandle=message["ReceiptHandle"])
            body = message["Body"]
        record = {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": body,
            "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {},
            "md5OfBody": "",
            "eventSource": "aws:sqs",
            "eventSourceARN": f"arn:aws:sqs:{REGION}:123456789012:{QUEUE}",
            "awsRegion": REGION,
        }
        return json.dumps({"Records": [record]}).encode()

    def cost(self, name: str, data: bytes) -> Cost:
        """Return what the worker takes for an upload."""
        return self.worker.cost(self.event(name, data))

    def result(self, name: str) -> dict[str, Any]:
        found = self.cloud.s3.get_object(Bucket=RESULT_BUCKET, Key=f"{name}.json")["Body"].read()
        return dict(json.loads(found))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder, before = tmp_path_factory.mktemp("plates"), dict(os.environ)
    settings = default_settings()
    model = write_artifacts(folder / "model", [TinyMember()])
    try:
        with local_cloud(settings) as cloud:
            export_settings(settings, os.environ)
            with function(model, folder, "tests.memory.worker") as worker:
                running = Service(cloud, worker)
                small = io.BytesIO()
                Image.linear_gradient("L").save(small, "TIFF")
                worker.warm_up(running.event("small", small.getvalue()))
                yield running
    finally:
        os.environ.clear()
        os.environ.update(before)


@pytest.mark.parametrize("name", PLATES)
def test_a_plate_is_predicted_within_its_memory(name: str, service: Service) -> None:
    data = PLATES[name]()
    assert len(data) > 30_000_000
    cost = service.cost(name, data)
    print(f"{len(data):,} bytes, {cost.peak_megabytes:.0f} MB, {cost.seconds:.1f} s")
    print(f"{cost.decoder_megabytes:.0f} MB of the decoder process")
    found = service.result(name)
    assert (cost.outcome, found["status"], found.get("code")) == ("done", "predicted", None)
    assert found["image"]["width"] * found["image"]["height"] > 15_000_000
    assert cost.decoder_megabytes < MOST_DECODER_MEGABYTES  # one more copy in 16 bits takes up to 37
    assert cost.peak_megabytes < MOST_MEGABYTES


def test_stack_and_functions_have_the_same_default() -> None:
    assert default_settings().max_image_bytes == Limits.max_image_bytes
