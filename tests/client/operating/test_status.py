import json
from typing import Any

import boto3
import pytest

from pneumonia.errors import ModelError
from pneumonia_cli.client.operating import status
from tests.client.conftest import Pneumonia, Stack


def look(pneumonia: Pneumonia, stack: Stack) -> tuple[int, dict[str, Any]]:
    ran = pneumonia("status", *stack.options, "--json")
    told: dict[str, Any] = json.loads(ran.out)
    return ran.code, told


def work_off(stack: Stack) -> None:
    while stack.poller.poll():
        pass


def test_all_is_well(stack: Stack, pneumonia: Pneumonia) -> None:
    work_off(stack)
    assert look(pneumonia, stack) == (
        0,
        {"well": True, "healthy": True, "detail": "tiny-grey 0.0.1", "waiting": 0, "dead_letters": 0, "alarms": []},
    )
    shown = pneumonia("status", *stack.options)
    assert shown.code == 0
    assert "none active" in shown.out


def test_dead_letters_are_a_fault_but_waiting_uploads_are_not(stack: Stack, pneumonia: Pneumonia) -> None:
    work_off(stack)
    stack.cloud.sqs.send_message(QueueUrl=stack.cloud.queue_url, MessageBody="x")
    code, told = look(pneumonia, stack)
    assert (code, told["waiting"], told["well"]) == (0, 1, True)
    stack.cloud.sqs.send_message(QueueUrl=stack.cloud.dead_letter_queue_url, MessageBody="x")
    code, told = look(pneumonia, stack)
    assert (code, told["dead_letters"], told["well"]) == (4, 1, False)


def test_alarms_of_the_stack_that_are_on(stack: Stack, pneumonia: Pneumonia) -> None:
    work_off(stack)
    cloudwatch = boto3.client("cloudwatch")
    for name in ("local-MonitoringApiErrors1", "local-MonitoringApiSlow1", "locality-MonitoringApiErrors1"):
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            MetricName="m",
            Namespace="n",
            Period=60,
            EvaluationPeriods=1,
            Statistic="Sum",
            Threshold=1,
            ComparisonOperator="GreaterThanThreshold",
        )
    for name in ("local-MonitoringApiErrors1", "locality-MonitoringApiErrors1"):
        cloudwatch.set_alarm_state(AlarmName=name, StateValue="ALARM", StateReason="test")
    cloudwatch.close()
    code, told = look(pneumonia, stack)
    assert (code, told["alarms"]) == (4, ["local-MonitoringApiErrors1"])


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The answer to GET /health."""

    class Response:
        ok, status_code = False, 503

        def json(self) -> Any:
            return {"detail": "the model is damaged", "code": ModelError.code}

    return Response()


def test_a_service_that_is_not_healthy(answer: Any) -> None:
    class Ill:
        def send(self, _method: str, path: str) -> Any:
            assert path == "/health"
            return answer

    ill: Any = Ill()
    assert status.health(ill) == (False, "HTTP 503: the model is damaged")


def test_a_service_that_is_not_there(stack: Stack, pneumonia: Pneumonia) -> None:
    ran = pneumonia("status", "--stack", "local", "--url", "http://127.0.0.1:9", "--json")
    assert ran.code == 4
    assert json.loads(ran.out)["healthy"] is False


def test_alarms_need_the_name_of_the_stack(pneumonia: Pneumonia) -> None:
    assert pneumonia("status", "--url", "http://127.0.0.1:9").code == 2
