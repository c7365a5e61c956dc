"""Deploy the rules of docs/events.md with a service, and check that a queue and an HTTPS endpoint get its events."""

import contextlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from jsonschema import Draft202012Validator
from PIL import Image
from pydicom import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian
from werkzeug.wrappers import Request, Response

from pneumonia_cli.local.names import HOST
from pneumonia_cli.local.wsgi_server import running
from rehearsal.api import call
from rehearsal.cdk import ROOT
from rehearsal.deployed_stack import DeployedStack, until
from rehearsal.event_bridge import EventBridge
from rehearsal.proof import Proofs, require

_DOCUMENT: Final = ROOT / "docs" / "events.md"
_SCHEMA: Final = ROOT / "docs" / "prediction-finished.schema.json"
QUEUE, DESTINATION = "to-a-queue.yaml", "to-an-api-destination.yaml"
"""Names of the templates, from their first lines."""
_ENDPOINT: Final = "receiver.example.org"
_NAME_OF_KEY: Final = "receiver-of-predictions"
_KEY: Final = "key-of-the-rehearsal"
STUDY, INSTANCE = "1.2.826.0.1.3680043.8.498.1", "1.2.826.0.1.3680043.8.498.1.7"


def templates() -> dict[str, str]:
    """Return the templates of docs/events.md, by the names in their first lines."""
    blocks = re.findall(r"```yaml\n# (\S+)\n(.*?)```", _DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    return dict(blocks)


class Receivers:
    """Both templates, deployed. `posted`: what the endpoint received, as headers and event."""

    def __init__(self, bridge: EventBridge) -> None:
        self._bridge = bridge
        self.posted: list[tuple[Mapping[str, str], dict[str, Any]]] = []
        self.queue_url = ""

    @contextlib.contextmanager
    def deployed(self) -> Iterator["Receivers"]:
        """Deploy both stacks, and run a server for the endpoint during a `with` block."""
        call("secretsmanager", "create_secret", Name=_NAME_OF_KEY, SecretString=json.dumps({"key": _KEY}))
        with running(Request.application(self._receive), 0) as port:
            self._bridge.hosts[_ENDPOINT] = f"http://{HOST}:{port}"
            self.queue_url = _create(QUEUE)["QueueUrl"]
            _create(DESTINATION, Endpoint=f"https://{_ENDPOINT}/predictions", Secret=_NAME_OF_KEY)
            yield self
            for name in (QUEUE, DESTINATION):
                call("cloudformation", "delete_stack", StackName=_stack_name(name))
        call("secretsmanager", "delete_secret", SecretId=_NAME_OF_KEY, ForceDeleteWithoutRecovery=True)

    def next_queued(self) -> dict[str, Any]:
        """Wait for an event in the queue, and take it. Raises NotShown."""
        found: list[dict[str, Any]] = []

        def came() -> bool:
            for message in call("sqs", "receive_message", QueueUrl=self.queue_url).get("Messages", []):
                found.append(json.loads(message["Body"]))
                call("sqs", "delete_message", QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])
            return bool(found)

        until(came, "the queue got no event")
        return found[0]

    def _receive(self, request: Request) -> Response:
        if request.path != "/predictions" or request.method != "POST":
            return Response(status=404)
        if request.headers.get("X-Api-Key") != _KEY:
            return Response(status=403)
        self.posted.append((dict(request.headers), json.loads(request.get_data())))
        return Response(status=202)


def receive(proofs: Proofs, stack: DeployedStack, bridge: EventBridge) -> None:
    """Upload two images to a service deployed with `event_bus` and `event_uids`, and check the events of both."""
    with proofs.step("A queue and an HTTPS endpoint get events of predictions, by the rules of the docs") as proof:
        with Receivers(bridge).deployed() as receivers:
            events = []
            for key, data in (("told/ill.dcm", dicom_of("pneumonia-1")), ("told/well.png", _png("normal-1"))):
                stack.s3.put_object(Bucket=stack.outputs["UploadBucketName"], Key=key, Body=data)
                events.append(receivers.next_queued())
                with stack.s3.get_object(Bucket=stack.outputs["ResultBucketName"], Key=f"{key}.json")["Body"] as body:
                    _compare(events[-1]["detail"], json.loads(body.read()))
            require(not bridge.undelivered, f"not delivered: {bridge.undelivered}")
            ill, well = (event["detail"] for event in events)
            require(ill["triage"] == "likely_pneumonia", f"pneumonia-1 is {ill['triage']}")
            require(well["triage"] != "likely_pneumonia", f"normal-1 is {well['triage']}")
            require((ill["study_instance_uid"], ill["sop_instance_uid"]) == (STUDY, INSTANCE), f"other UIDs: {ill}")
            require(well["study_instance_uid"] is None, f"a PNG has a UID: {well}")
            posted = [event for _, event in receivers.posted]
            require(posted == events[:1], f"the endpoint got {posted}")
        proof.seen = "2 events in the queue; the one of likely_pneumonia also at the endpoint, with its key and UIDs"


def _compare(detail: Mapping[str, Any], result: Mapping[str, Any]) -> None:
    """Check that an event follows its schema and agrees with the result."""
    errors = list(Draft202012Validator(json.loads(_SCHEMA.read_text(encoding="utf-8"))).iter_errors(detail))
    require(not errors, f"the event violates the schema: {errors}")
    for member in ("triage", "label", "in_training_population", "correlation_id"):
        require(
            detail[member] == result[member], f"{member}: {detail[member]} in the event, {result[member]} in the result"
        )
    require(
        detail["model"]["version"] == result["model"]["version"], f"the event names another model: {detail['model']}"
    )


def _create(name: str, **parameters: str) -> dict[str, str]:
    stack = _stack_name(name)
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    call("cloudformation", "create_stack", StackName=stack, TemplateBody=templates()[name], Parameters=given)
    (made,) = call("cloudformation", "describe_stacks", StackName=stack)["Stacks"]
    require(made["StackStatus"] == "CREATE_COMPLETE", f"{name}: {made['StackStatus']}")
    return {output["OutputKey"]: output["OutputValue"] for output in made["Outputs"]}


def _stack_name(template: str) -> str:
    return "pneumonia-" + Path(template).stem


def _png(sample: str) -> bytes:
    return (ROOT / "samples" / f"{sample}.png").read_bytes()


def dicom_of(sample: str) -> bytes:
    """Return a sample as a DICOM file with UIDs."""
    with Image.open(ROOT / "samples" / f"{sample}.png") as image:
        pixels = np.asarray(image.convert("L"))
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = ComputedRadiographyImageStorage, INSTANCE
    dataset.StudyInstanceUID, dataset.Modality, dataset.ViewPosition = STUDY, "CR", "AP"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation = 7, 0
    dataset.PixelData = pixels.tobytes()
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()
