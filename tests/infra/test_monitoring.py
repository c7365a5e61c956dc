"""Every alarm: its metric, statistic, threshold, and that it reaches somebody."""

import pytest

ALARM = "AWS::CloudWatch::Alarm"
TOPIC = "AWS::SNS::Topic"

# part of the alarm's id: (namespace, metric, statistic, type and part of the id of what is watched,
# threshold, periods)
FUNCTION, ALIAS, QUEUE = "AWS::Lambda::Function", "AWS::Lambda::Alias", "AWS::SQS::Queue"
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
}


def test_there_are_no_other_alarms(stack):
    assert len(stack.resources(ALARM)) == len(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_alarm(stack, name):
    namespace, metric, statistic, watched, threshold, periods = EXPECTED[name]
    _, alarm = stack.one(ALARM, f"Monitoring{name}")
    assert (alarm["Namespace"], alarm["MetricName"]) == (namespace, metric)
    assert alarm["ExtendedStatistic" if statistic.startswith("p") else "Statistic"] == statistic
    assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    assert (alarm["Threshold"], alarm["EvaluationPeriods"], alarm["Period"]) == (threshold, periods, 300)
    assert alarm["TreatMissingData"] == "notBreaching"
    kind, part_of_id = watched
    watched_id, _ = stack.one(FUNCTION if kind == ALIAS else kind, part_of_id)
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in alarm["Dimensions"]}
    assert (
        dimensions
        == {
            FUNCTION: {"FunctionName": {"Ref": watched_id}},
            QUEUE: {"QueueName": {"Fn::GetAtt": [watched_id, "QueueName"]}},
            # What Lambda counts for the calls of an alias, of whichever version it sent them to.
            ALIAS: {
                "FunctionName": {"Ref": watched_id},
                "Resource": {"Fn::Join": ["", [{"Ref": watched_id}, ":live"]]},
            },
        }[kind]
    )


@pytest.mark.parametrize("name", EXPECTED)
def test_alarm_is_sent_to_the_topic(stack, name):
    topic_id, _ = stack.one(TOPIC, "")
    _, alarm = stack.one(ALARM, f"Monitoring{name}")
    assert alarm["AlarmActions"] == [{"Ref": topic_id}]
    assert alarm.get("ActionsEnabled", True) is True
    assert alarm["AlarmDescription"]


def test_thresholds_follow_the_settings(synthesise):
    stack = synthesise(alarm_api_p99_ms=1234, alarm_queue_age_seconds=5678)
    assert stack.one(ALARM, "ApiSlow")[1]["Threshold"] == 1234
    assert stack.one(ALARM, "QueueOld")[1]["Threshold"] == 5678


def test_alarms_can_publish_to_the_topic(stack):
    topic_id, topic = stack.one(TOPIC, "")
    # Under the AWS managed key CloudWatch could not publish, and nothing would say so.
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


def test_nobody_is_subscribed_by_default(stack):
    assert stack.resources("AWS::SNS::Subscription") == {}


def test_alarm_mail_goes_to_the_address_of_the_setting(synthesise):
    stack = synthesise(alarm_email="ops@example.org")
    topic_id, _ = stack.one(TOPIC, "")
    _, subscription = stack.one("AWS::SNS::Subscription", "")
    assert subscription == {
        "Protocol": "email",
        "Endpoint": "ops@example.org",
        "TopicArn": {"Ref": topic_id},
    }
