"""Every alarm: its metric, statistic and threshold, and that it is sent to the topic."""

import functools
import json
import re
from typing import Any

import pytest

from tests.infra.conftest import ROOT, Json, Synthesise, Synthesised
from tests.infra.metric_math import metric_math

ALARM = "AWS::CloudWatch::Alarm"
TOPIC = "AWS::SNS::Topic"

# part of the alarm's id: (namespace, metric, statistic, type and part of the id of the watched resource,
# threshold, periods)
FUNCTION, ALIAS, QUEUE = "AWS::Lambda::Function", "AWS::Lambda::Alias", "AWS::SQS::Queue"
ACCOUNT = None
EXPECTED = {
    "ApiErrors": ("AWS/Lambda", "Errors", "Sum", (ALIAS, "InferenceApi"), 1, 1),
    "ApiThrottles": ("AWS/Lambda", "Throttles", "Sum", (ALIAS, "InferenceApi"), 1, 1),
    "ApiSlow": ("AWS/Lambda", "Duration", "p99", (ALIAS, "InferenceApi"), 10_000, 3),
    "ApiHttp5xx": ("AWS/Lambda", "Url5xxCount", "Sum", (FUNCTION, "InferenceApi"), 1, 1),
    "WorkerErrors": ("AWS/Lambda", "Errors", "Sum", (ALIAS, "InferenceWorker"), 1, 1),
    "WorkerThrottles": ("AWS/Lambda", "Throttles", "Sum", (ALIAS, "InferenceWorker"), 1, 1),
    "QueueOld": ("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum", (QUEUE, "UploadsQueue"), 1_800, 1),
    "DeadLetters": (
        *("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum"),
        *((QUEUE, "DeadLetterQueue"), 1, 1),
    ),
    "ConcurrencyHigh": ("AWS/Lambda", "ClaimedAccountConcurrency", "Maximum", ACCOUNT, 8, 1),
}
ON_IMAGES = ("RejectedImages", "ApiScoreDrift", "WorkerScoreDrift")
DRIFT = {"ApiScoreDrift": "api", "WorkerScoreDrift": "worker"}


@pytest.fixture(scope="module")
def synthesise(synthesise: Synthesise) -> Synthesise:
    """Synthesise with observability=full, which is not the default."""
    return functools.partial(synthesise, observability="full")


@pytest.fixture(scope="module")
def stack(synthesise: Synthesise) -> Synthesised:
    return synthesise()


def dimensions(metric: Json) -> dict[str, Any]:
    """Return the dimensions of a metric in an alarm: name -> value."""
    return {entry["Name"]: entry["Value"] for entry in metric["Dimensions"]}


def test_there_are_no_other_alarms(stack: Synthesised) -> None:
    found = {re.sub(r"^Monitoring(\w+)[0-9A-F]{8}$", r"\1", name) for name in stack.resources(ALARM)}
    assert found == {*EXPECTED, *ON_IMAGES}, "add a line to EXPECTED for each alarm of infra/monitoring.py"


@pytest.mark.parametrize("name", EXPECTED)
def test_alarm(stack: Synthesised, name: str) -> None:
    namespace, metric, statistic, watched, threshold, periods = EXPECTED[name]
    _, alarm = stack.one(ALARM, f"Monitoring{name}")
    assert (alarm["Namespace"], alarm["MetricName"]) == (namespace, metric)
    assert alarm["ExtendedStatistic" if statistic.startswith("p") else "Statistic"] == statistic
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert (alarm["Threshold"], alarm["EvaluationPeriods"], alarm["Period"]) == (threshold, periods, 300)
    assert alarm["TreatMissingData"] == "notBreaching"
    if watched is ACCOUNT:
        assert "Dimensions" not in alarm
        return
    kind, part_of_id = watched
    watched_id, _ = stack.one(FUNCTION if kind == ALIAS else kind, part_of_id)
    assert (
        dimensions(alarm)
        == {
            FUNCTION: {"FunctionName": {"Ref": watched_id}},
            QUEUE: {"QueueName": {"Fn::GetAtt": [watched_id, "QueueName"]}},
            # Lambda counts the calls of an alias, for all versions that receive them.
            ALIAS: {
                "FunctionName": {"Ref": watched_id},
                "Resource": {"Fn::Join": ["", [{"Ref": watched_id}, ":live"]]},
            },
        }[kind]
    )


@pytest.mark.parametrize("name", [*EXPECTED, *ON_IMAGES])
def test_alarm_is_sent_to_the_topic(stack: Synthesised, name: str) -> None:
    topic_id, _ = stack.one(TOPIC, "")
    _, alarm = stack.one(ALARM, f"Monitoring{name}")
    assert alarm["AlarmActions"] == [{"Ref": topic_id}]
    assert alarm.get("ActionsEnabled", True) is True
    happened, *_, section = re.split(r"(?<=\.) ", alarm["AlarmDescription"])
    assert happened
    assert section == f"See docs/operations.md#{name.lower()}"
    assert len(alarm["AlarmDescription"]) <= 1024, "CloudWatch refuses longer descriptions"


@pytest.mark.parametrize(
    ("setting", "alarms"),
    [
        ("alarm_errors", ["ApiErrors", "WorkerErrors"]),
        ("alarm_throttles", ["ApiThrottles", "WorkerThrottles"]),
        ("alarm_http_5xx", ["ApiHttp5xx"]),
        ("alarm_dead_letters", ["DeadLetters"]),
        ("alarm_api_p99_ms", ["ApiSlow"]),
        ("alarm_queue_age_seconds", ["QueueOld"]),
        ("alarm_rejected_percent", ["RejectedImages"]),
    ],
)
def test_thresholds_follow_the_settings(synthesise: Synthesise, setting: str, alarms: list[str]) -> None:
    values = {
        "alarm_errors": 11, "alarm_throttles": 12, "alarm_http_5xx": 13, "alarm_dead_letters": 14,
        "alarm_api_p99_ms": 1234, "alarm_queue_age_seconds": 5678, "alarm_rejected_percent": 15,
        "alarm_rejected_min_images": 7, "alarm_score_band": 4, "alarm_concurrency_percent": 50,
        "account_concurrency": 25,
    }  # fmt: skip
    stack = synthesise(**values)
    for name in alarms:
        assert stack.one(ALARM, f"Monitoring{name}")[1]["Threshold"] == values[setting]
    assert stack.one(ALARM, "ConcurrencyHigh")[1]["Threshold"] == 12  # half of 25, rounded down
    expressions = [m["Expression"] for m in stack.one(ALARM, "RejectedImages")[1]["Metrics"] if "Expression" in m]
    assert ">=7," in expressions[0]
    bands = [m["Expression"] for m in stack.one(ALARM, "ApiScoreDrift")[1]["Metrics"] if "Expression" in m]
    assert bands == ["ANOMALY_DETECTION_BAND(m0, 4)"]


def test_a_reservation_is_the_limit_of_the_concurrency_alarm(synthesise: Synthesise) -> None:
    stack = synthesise(api_reserved_concurrency=5)
    _, alarm = stack.one(ALARM, "ConcurrencyHigh")
    api_id, _ = stack.one(FUNCTION, "InferenceApi")
    assert (alarm["MetricName"], alarm["Threshold"]) == ("ConcurrentExecutions", 4)
    assert dimensions(alarm) == {"FunctionName": {"Ref": api_id}}


def test_a_limit_of_one_does_not_alarm_at_zero(synthesise: Synthesise) -> None:
    assert synthesise(account_concurrency=1).one(ALARM, "ConcurrencyHigh")[1]["Threshold"] == 1


@pytest.mark.parametrize(
    ("counts", "percent"),
    [
        ((0, 0, 0, 0), 0),
        ((1, 18, 0, 0), 0),  # too few
        ((10, 10, 0, 0), 50),
        ((10, 0, 20, 10), 25),
        ((0, 0, 0, 20), 100),
    ],
)
def test_share_of_refused_images_is_of_both_functions_and_of_enough_images(
    stack: Synthesised, counts: tuple[int, ...], percent: float
) -> None:
    _, alarm = stack.one(ALARM, "RejectedImages")
    watched = {m["Id"]: m["MetricStat"] for m in alarm["Metrics"] if "MetricStat" in m}
    values = {}
    for name, stat in watched.items():
        assert (stat["Stat"], stat["Period"], stat["Metric"]["Namespace"]) == ("Sum", 3600, "PneumoniaTriage")
        where = dimensions(stat["Metric"])
        assert where == {"Stack": "PneumoniaInference", "Function": where["Function"]}
        order = [(f, m) for f in ("api", "worker") for m in ("Predictions", "Rejections")]
        values[name] = counts[order.index((where["Function"], stat["Metric"]["MetricName"]))]
    (expression,) = [m for m in alarm["Metrics"] if "Expression" in m]
    assert expression["ReturnData"] is True
    assert metric_math(expression["Expression"], values) == percent
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (50, "GreaterThanOrEqualToThreshold")


@pytest.mark.parametrize("name", DRIFT)
def test_a_drift_alarm_watches_the_deployed_model_in_one_function(stack: Synthesised, name: str) -> None:
    _, alarm = stack.one(ALARM, f"Monitoring{name}")
    assert alarm["ComparisonOperator"] == "LessThanLowerOrGreaterThanUpperThreshold"
    assert (alarm["EvaluationPeriods"], alarm["TreatMissingData"]) == (3, "notBreaching")
    band, metric = sorted(alarm["Metrics"], key=lambda entry: "MetricStat" in entry)
    assert (band["Expression"], alarm["ThresholdMetricId"]) == ("ANOMALY_DETECTION_BAND(m0, 3)", band["Id"])
    stat = metric["MetricStat"]
    assert (metric["Id"], stat["Stat"], stat["Period"]) == ("m0", "Average", 3600)
    assert (stat["Metric"]["Namespace"], stat["Metric"]["MetricName"]) == ("PneumoniaTriage", "Score")
    card = json.loads((ROOT / "model_artifacts" / "card.json").read_text())
    assert dimensions(stat["Metric"]) == {
        "Stack": "PneumoniaInference",
        "Function": DRIFT[name],
        "ModelVersion": card["version"],
    }


def test_alarms_can_publish_to_the_topic(stack: Synthesised) -> None:
    topic_id, topic = stack.one(TOPIC, "")
    # CloudWatch could not publish under the AWS managed key, and would not report it.
    assert "KmsMasterKeyId" not in topic
    _, policy = stack.one("AWS::SNS::TopicPolicy", "")
    assert policy["Topics"] == [{"Ref": topic_id}]
    allow, deny = sorted(policy["PolicyDocument"]["Statement"], key=lambda entry: entry["Effect"])
    assert (allow["Effect"], deny["Effect"]) == ("Allow", "Deny")
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert allow["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allow["Action"] == "sns:Publish"
    assert allow["Resource"] == {"Ref": topic_id}
    assert allow["Condition"] == {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}


def test_nobody_is_subscribed_by_default(stack: Synthesised) -> None:
    assert stack.resources("AWS::SNS::Subscription") == {}


def test_alarm_mail_goes_to_the_address_of_the_setting(synthesise: Synthesise) -> None:
    stack = synthesise(alarm_email="ops@example.org")
    topic_id, _ = stack.one(TOPIC, "")
    _, subscription = stack.one("AWS::SNS::Subscription", "")
    assert subscription == {
        "Protocol": "email",
        "Endpoint": "ops@example.org",
        "TopicArn": {"Ref": topic_id},
    }
