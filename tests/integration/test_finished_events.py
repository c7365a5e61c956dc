"""Each result has its event: worker, EventBridge rule and the queue of the rule, with AWS simulated by moto."""

import contextlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from jsonschema import Draft202012Validator

from pneumonia import aws
from pneumonia.handlers import worker
from pneumonia.uploads import finished_events
from pneumonia.uploads.correlation import of_upload_id
from pneumonia.uploads.document import ResultDocument
from pneumonia.uploads.events import Upload
from pneumonia.uploads.ids import content_id, is_id, new_id, upload_key
from pneumonia.uploads.results import Results
from tests.conftest import RESULTS, UPLOADS, ImageBytes, LoadEvent, stored_result
from tests.unit.decode.conftest import dataset_of, encoded, film12

BUS = "films"
DOCS = Path(__file__).parents[2] / "docs"
SCHEMA = json.loads((DOCS / "prediction-finished.schema.json").read_text(encoding="utf-8"))


@dataclass
class Cloud:
    """Buckets, a bus, and a queue that a rule of the bus fills."""

    s3: Any
    sqs: Any
    queue: str
    message: Callable[[str], dict[str, Any]]
    context: Any

    def upload(self, key: str, data: bytes, sequencer: str = "0A") -> dict[str, Any]:
        """Put an object, and return the SQS event for the worker."""
        reply = self.s3.put_object(Bucket=UPLOADS, Key=key, Body=data)
        event = self.message("sqs_s3_put_versioned")
        body = json.loads(event["Records"][0]["body"])
        body["Records"][0]["s3"]["object"] = {
            "key": key,
            "eTag": reply["ETag"].strip('"'),
            "versionId": reply["VersionId"],
            "sequencer": sequencer,
        }
        event["Records"][0]["body"] = json.dumps(body)
        return event

    def work(self, event: dict[str, Any]) -> bool:
        """Return True if the worker processed the message, False if it returned it to the queue."""
        failures: list[Any] = worker.handler(event, self.context)["batchItemFailures"]
        return failures == []

    def told(self) -> list[dict[str, Any]]:
        """Return the details of the events since the last call, each checked against the schema."""
        details = []
        while messages := self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                event = json.loads(message["Body"])
                assert (event["source"], event["detail-type"]) == ("pneumonia.triage", "Prediction Finished")
                Draft202012Validator(SCHEMA).validate(event["detail"])
                assert set(event["detail"]) == set(SCHEMA["properties"])
                assert "jane-doe" not in message["Body"]
                details.append(event["detail"])
                self.sqs.delete_message(QueueUrl=self.queue, ReceiptHandle=message["ReceiptHandle"])
        return details

    def result(self, key: str) -> dict[str, Any]:
        return stored_result(self.s3, key)


@pytest.fixture
def cloud(
    s3: Any, tiny_service: None, lambda_context: Any, load_event: LoadEvent, monkeypatch: pytest.MonkeyPatch
) -> Cloud:
    monkeypatch.setenv("RESULTS_BUCKET", RESULTS)
    monkeypatch.setenv("EVENT_BUS", BUS)
    sqs, events = boto3.client("sqs"), boto3.client("events")
    queue = sqs.create_queue(QueueName="told")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.create_event_bus(Name=BUS)
    pattern = {"source": ["pneumonia.triage"], "detail-type": ["Prediction Finished"]}
    events.put_rule(Name="told", EventBusName=BUS, EventPattern=json.dumps(pattern))
    events.put_targets(Rule="told", EventBusName=BUS, Targets=[{"Id": "queue", "Arn": arn}])
    return Cloud(s3, sqs, queue, load_event, lambda_context)


@contextlib.contextmanager
def captured(logger: Any) -> Iterator[io.StringIO]:
    """Captures the log of a handler during a `with` block, at DEBUG."""
    stream, level = io.StringIO(), logger.log_level
    before = logger.registered_handler.setStream(stream)
    logger.setLevel("DEBUG")
    try:
        yield stream
    finally:
        logger.setLevel(level)
        logger.registered_handler.setStream(before)


def test_a_rule_receives_a_prediction(cloud: Cloud, image_bytes: ImageBytes) -> None:
    assert cloud.work(cloud.upload("jane-doe.png", image_bytes(grey=255)))
    (detail,) = cloud.told()
    result = cloud.result("jane-doe.png")
    assert (detail["status"], detail["label"], detail["triage"]) == ("predicted", "pneumonia", "likely_pneumonia")
    assert detail["probability"] == result["pneumonia"]
    assert detail["correlation_id"] == result["correlation_id"]
    assert detail["model"] == {"name": "tiny-grey", "version": "0.0.1"}
    assert (detail["upload_id"], detail["code"]) == (None, None)


def test_the_event_says_whether_the_image_is_like_the_training_images(
    cloud: Cloud, image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    predicted = ResultDocument.predicted

    def known(upload: Upload, correlation_id: str, body: Mapping[str, Any]) -> ResultDocument:
        return predicted(upload, correlation_id, {**body, "in_training_population": False})

    monkeypatch.setattr(ResultDocument, "predicted", known)  # the tiny model has no gate
    assert cloud.work(cloud.upload("a.png", image_bytes()))
    assert cloud.told()[0]["in_training_population"] is False


@pytest.mark.parametrize("chosen", [True, False])
def test_the_event_has_the_uids_of_a_dicom_file_if_the_setting_is_on(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch, chosen: bool
) -> None:
    dataset = dataset_of(film12())
    dataset.StudyInstanceUID, dataset.SOPInstanceUID = "1.2.826.0.1.20261126", "1.2.826.0.1.20261126.7"
    if chosen:
        monkeypatch.setenv("EVENT_UIDS", "true")
    with captured(worker.logger) as log:
        assert cloud.work(cloud.upload("a.dcm", encoded(dataset)))
    (detail,) = cloud.told()
    told = (detail["study_instance_uid"], detail["sop_instance_uid"])
    assert told == ((dataset.StudyInstanceUID, dataset.SOPInstanceUID) if chosen else (None, None))
    assert detail["status"] == "predicted"
    assert "processed" in log.getvalue()
    assert "20261126" not in log.getvalue()


def test_other_files_and_rejections_have_no_uids(
    cloud: Cloud, image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EVENT_UIDS", "true")
    for key, data in (("a.png", image_bytes()), ("b.png", b"text")):
        assert cloud.work(cloud.upload(key, data))
        (detail,) = cloud.told()
        assert (detail["study_instance_uid"], detail["sop_instance_uid"]) == (None, None)


def test_the_event_of_a_rejection_has_its_code(cloud: Cloud) -> None:
    assert cloud.work(cloud.upload("jane-doe.png", b"text"))
    (detail,) = cloud.told()
    assert (detail["status"], detail["code"], detail["probability"]) == ("rejected", "unsupported_format", None)


def test_the_event_of_an_upload_requested_over_http_has_its_id(cloud: Cloud, image_bytes: ImageBytes) -> None:
    upload_id = new_id(0)
    assert cloud.work(cloud.upload(upload_key(upload_id), image_bytes()))
    (detail,) = cloud.told()
    assert (detail["upload_id"], detail["correlation_id"]) == (upload_id, of_upload_id(upload_id))


def test_the_event_of_a_stow_upload_has_the_id_of_its_result(cloud: Cloud, image_bytes: ImageBytes) -> None:
    sent = content_id(image_bytes(), 0)
    assert cloud.work(cloud.upload(upload_key(sent), image_bytes()))
    (detail,) = cloud.told()
    assert is_id(detail["upload_id"])
    assert upload_key(detail["upload_id"]) == upload_key(sent)
    assert detail["correlation_id"] == of_upload_id(sent)


def test_a_duplicate_has_the_same_id_and_a_stale_event_is_not_sent(cloud: Cloud, image_bytes: ImageBytes) -> None:
    old = cloud.upload("a.png", image_bytes(), "0A")
    new = cloud.upload("a.png", image_bytes(), "0B")
    for event in (new, new, old):
        assert cloud.work(event)
    first, second = cloud.told()
    assert first == second
    assert cloud.work(cloud.upload("b.png", image_bytes(), "0A"))
    assert cloud.told()[0]["id"] != first["id"]


@pytest.mark.parametrize("how", ["raises", "answers that an entry failed"])
def test_an_event_that_cannot_be_sent_is_sent_at_the_next_attempt_and_the_result_stays(
    cloud: Cloud, image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    event = cloud.upload("a.png", image_bytes())

    def down(**_entries: Any) -> dict[str, Any]:
        if how == "raises":
            raise ClientError({"Error": {"Code": "InternalException"}}, "PutEvents")
        return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "ThrottlingException"}]}

    with monkeypatch.context() as patch:
        patch.setattr(aws.events(), "put_events", down)
        assert not cloud.work(event)
    before = cloud.s3.head_object(Bucket=RESULTS, Key="a.png.json")["ETag"]
    assert cloud.told() == []
    assert cloud.work(event)
    assert len(cloud.told()) == 1
    assert cloud.s3.head_object(Bucket=RESULTS, Key="a.png.json")["ETag"] == before


def test_a_late_event_matches_the_stored_result(
    cloud: Cloud, image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = cloud.upload("a.png", image_bytes())
    assert cloud.work(event)
    cloud.told()
    # As if the result were from the previous model, and from a version without correlation ids.
    stored = cloud.result("a.png")
    correlation_id = stored.pop("correlation_id")
    stored |= {"pneumonia": 0.25, "model": {"name": "tiny-grey", "version": "0.0.0"}}
    metadata = cloud.s3.head_object(Bucket=RESULTS, Key="a.png.json")["Metadata"]
    cloud.s3.put_object(Bucket=RESULTS, Key="a.png.json", Body=json.dumps(stored), Metadata=metadata)
    assert cloud.work(event)
    (detail,) = cloud.told()
    assert (detail["probability"], detail["model"]["version"]) == (0.25, "0.0.0")
    assert detail["correlation_id"] == correlation_id


def test_no_event_is_sent_for_a_result_that_was_replaced(
    cloud: Cloud, image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = cloud.upload("a.png", image_bytes(), "0A")
    new = cloud.upload("a.png", image_bytes(), "0B")
    assert cloud.work(old)
    cloud.told()
    find = Results.find_document

    def late(results: Any, upload: Any) -> Any:
        monkeypatch.setattr(Results, "find_document", find)
        assert cloud.work(new)
        return find(results, upload)

    monkeypatch.setattr(Results, "find_document", late)
    assert cloud.work(old)
    assert len(cloud.told()) == 1  # from the new upload


def test_without_a_bus_nothing_is_sent(cloud: Cloud, image_bytes: ImageBytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EVENT_BUS")
    assert cloud.work(cloud.upload("a.png", image_bytes()))
    assert cloud.told() == []
    assert aws.events.cache_info().currsize == 0


def test_the_example_in_the_documentation_is_a_valid_event() -> None:
    text = (DOCS / "events.md").read_text(encoding="utf-8")
    event = json.loads(text.partition("```json\n")[2].partition("```")[0])
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator(SCHEMA).validate(event["detail"])
    assert (event["source"], event["detail-type"]) == (finished_events.SOURCE, finished_events.DETAIL_TYPE)
    assert set(event["detail"]) == set(SCHEMA["properties"]) == set(SCHEMA["required"])
