import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from pneumonia_cli.client.errors import ServiceError
from pneumonia_cli.client.operating import redrive
from pneumonia_cli.client.operating.redrive import Redriven
from pneumonia_cli.client.queues import count
from tests.client.conftest import Pneumonia, Stack

SOURCE, TARGET = "https://sqs.eu-central-1.amazonaws.com/1/dead", "https://sqs.eu-central-1.amazonaws.com/1/queue"
SOURCE_ARN, TARGET_ARN = "arn:aws:sqs:eu-central-1:1:dead", "arn:aws:sqs:eu-central-1:1:queue"


@pytest.fixture
def sqs(aws_credentials: None) -> Iterator[Any]:
    client = boto3.client("sqs")
    yield client
    client.close()


@pytest.fixture
def aws(sqs: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """SQS with move tasks, which moto does not have. Every call must be an expected one."""
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    with Stubber(sqs) as stubber:
        counts = {f"ApproximateNumberOfMessages{kind}": "0" for kind in ("NotVisible", "Delayed")}
        answer = {"Attributes": {"ApproximateNumberOfMessages": "25", **counts}}
        stubber.add_response("get_queue_attributes", answer)
        for url, arn in ((SOURCE, SOURCE_ARN), (TARGET, TARGET_ARN)):
            wanted = {"QueueUrl": url, "AttributeNames": ["QueueArn"]}
            stubber.add_response("get_queue_attributes", {"Attributes": {"QueueArn": arn}}, wanted)
        wanted_task = {"SourceArn": SOURCE_ARN, "DestinationArn": TARGET_ARN}
        stubber.add_response("start_message_move_task", {"TaskHandle": "h"}, wanted_task)
        yield stubber
        stubber.assert_no_pending_responses()


def status(aws: Stubber, **task: Any) -> None:
    aws.add_response("list_message_move_tasks", {"Results": [task]}, {"SourceArn": SOURCE_ARN, "MaxResults": 1})


def test_at_aws_the_task_of_sqs_does_it(sqs: Any, aws: Stubber) -> None:
    status(aws, Status="RUNNING", ApproximateNumberOfMessagesMoved=10)
    status(aws, Status="COMPLETED", ApproximateNumberOfMessagesMoved=25)
    told: list[tuple[int, int]] = []
    found = redrive.redrive(sqs, SOURCE, TARGET, lambda moved, of: told.append((moved, of)))
    assert found == Redriven(25, 25)
    assert told == [(0, 25), (10, 25), (25, 25)]


def test_a_task_that_fails(sqs: Any, aws: Stubber) -> None:
    status(aws, Status="FAILED", ApproximateNumberOfMessagesMoved=3, FailureReason="AccessDenied")
    with pytest.raises(ServiceError, match="FAILED after 3 messages: AccessDenied"):
        redrive.redrive(sqs, SOURCE, TARGET, lambda _moved, _of: None)


def fill(stack: Stack, number: int) -> None:
    for index in range(number):
        stack.cloud.sqs.send_message(QueueUrl=stack.cloud.dead_letter_queue_url, MessageBody=str(index))


def bodies(stack: Stack) -> list[str]:
    found = []
    while messages := stack.cloud.sqs.receive_message(QueueUrl=stack.cloud.queue_url, MaxNumberOfMessages=10).get(
        "Messages"
    ):
        found += [message["Body"] for message in messages]
    return found


def test_without_the_sqs_task_messages_are_moved_in_batches(stack: Stack, pneumonia: Pneumonia) -> None:
    bodies(stack)  # the test event
    fill(stack, 23)
    ran = pneumonia("redrive", "--stack", "local", "--json")
    assert (ran.code, json.loads(ran.out)) == (0, {"found": 23, "moved": 23})
    assert sorted(bodies(stack), key=int) == [str(index) for index in range(23)]
    assert count(stack.cloud.sqs, stack.cloud.dead_letter_queue_url) == 0


def test_nothing_to_do(stack: Stack, pneumonia: Pneumonia) -> None:
    ran = pneumonia("redrive", "--stack", "local")
    assert ran.code == 0
    assert "is empty" in ran.out


def test_messages_that_fail_again_are_not_moved_twice(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(stack, 2)
    send: Callable[..., Any] = stack.cloud.sqs.send_message_batch

    def send_and_fail(**arguments: Any) -> Any:
        fill(stack, len(arguments["Entries"]))
        return send(**arguments)

    monkeypatch.setattr(stack.cloud.sqs, "send_message_batch", send_and_fail)
    cloud = stack.cloud
    found = redrive.redrive(cloud.sqs, cloud.dead_letter_queue_url, cloud.queue_url, lambda _moved, _of: None)
    assert found == Redriven(2, 2)
    assert count(cloud.sqs, cloud.dead_letter_queue_url) == 2


@pytest.mark.slow
def test_messages_that_the_queue_refuses_stay_in_the_dead_letter_queue(
    aws_credentials: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(redrive, "is_aws", lambda _url: False)
    with mock_aws():
        sqs = boto3.client("sqs")
        source, target = (sqs.create_queue(QueueName=name)["QueueUrl"] for name in ("dead", "queue"))
        for body in ("a", "b"):
            sqs.send_message(QueueUrl=source, MessageBody=body)
        send = sqs.send_message_batch

        def take_the_first(**arguments: Any) -> Any:
            return send(**{**arguments, "Entries": arguments["Entries"][:1]})

        monkeypatch.setattr(sqs, "send_message_batch", take_the_first)
        with pytest.raises(ServiceError, match="accepted 1 of 2"):
            redrive.redrive(sqs, source, target, lambda _moved, _of: None)
        assert (count(sqs, source), count(sqs, target)) == (1, 1)
        sqs.close()


def test_without_a_stack(pneumonia: Pneumonia) -> None:
    ran = pneumonia("redrive")
    assert ran.code == 2
    assert "--dead-letter-queue-url" in ran.err
