"""Each kind handles moto's services as CloudFormation handles those of AWS."""

import json
from typing import Any

import pytest
import requests
from botocore.exceptions import ClientError

from pneumonia_cli.client.signing import SigV4
from rehearsal.api import call
from rehearsal.doors import Doors
from rehearsal.functions import Functions
from rehearsal.resources import as_text
from rehearsal.server import Server
from tests.rehearsal.conftest import ROLE, STACK, Deploy, Failed, function

ECHO = "def handler(event, context):\n    return {'statusCode': 200, 'body': 'ECHO'}"


def delete() -> None:
    call("cloudformation", "delete_stack", StackName=STACK)


def alarm(threshold: int) -> dict[str, Any]:
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "Namespace": "AWS/SQS", "MetricName": "ApproximateAgeOfOldestMessage", "Statistic": "Maximum",
            "Period": 300, "EvaluationPeriods": 1, "Threshold": threshold,
            "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        },
    }  # fmt: skip


def thresholds() -> list[float]:
    return [found["Threshold"] for found in call("cloudwatch", "describe_alarms")["MetricAlarms"]]


def test_an_alarm_is_made_changed_and_removed(deploy: Deploy) -> None:
    made = deploy({"Old": alarm(10)}, Name={"Ref": "Old"}, Arn={"Fn::GetAtt": ["Old", "Arn"]})
    assert made["Arn"].endswith(f":alarm:{made['Name']}")
    assert thresholds() == [10]
    assert deploy({"Old": alarm(20)}, Name={"Ref": "Old"})["Name"] == made["Name"]
    assert thresholds() == [20]
    delete()
    assert thresholds() == []


def dashboard(title: str) -> dict[str, Any]:
    properties = {"DashboardName": "Ward-us-east-1", "DashboardBody": json.dumps({"widgets": [], "title": title})}
    return {"Type": "AWS::CloudWatch::Dashboard", "Properties": properties}


def test_a_dashboard_is_created_changed_and_removed_and_its_name_is_unique(deploy: Deploy) -> None:
    assert deploy({"One": dashboard("a")}, Name={"Ref": "One"})["Name"] == "Ward-us-east-1"
    deploy({"One": dashboard("b")})
    assert '"b"' in call("cloudwatch", "get_dashboard", DashboardName="Ward-us-east-1")["DashboardBody"]
    with pytest.raises(Failed, match="Ward-us-east-1 already exists"):
        deploy({"One": dashboard("b"), "Two": dashboard("c")})
    assert '"b"' in call("cloudwatch", "get_dashboard", DashboardName="Ward-us-east-1")["DashboardBody"]
    delete()
    assert call("cloudwatch", "list_dashboards")["DashboardEntries"] == []


def policy(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


def test_policies_are_put_where_they_belong(deploy: Deploy) -> None:
    allow = {"Effect": "Allow", "Action": "*", "Principal": {"Service": "s3.amazonaws.com"}, "Resource": "*"}
    made = deploy(
        {
            "Queue": {"Type": "AWS::SQS::Queue"},
            "Topic": {"Type": "AWS::SNS::Topic"},
            "OfQueue": {
                "Type": "AWS::SQS::QueuePolicy",
                "Properties": {"Queues": [{"Ref": "Queue"}], "PolicyDocument": policy(allow)},
            },
            "OfTopic": {
                "Type": "AWS::SNS::TopicPolicy",
                "Properties": {"Topics": [{"Ref": "Topic"}], "PolicyDocument": policy(allow)},
            },
        },
        Queue={"Ref": "Queue"}, Topic={"Ref": "Topic"},
    )  # fmt: skip
    of_queue = call("sqs", "get_queue_attributes", QueueUrl=made["Queue"], AttributeNames=["Policy"])
    assert json.loads(of_queue["Attributes"]["Policy"])["Statement"] == [allow]
    of_topic = call("sns", "get_topic_attributes", TopicArn=made["Topic"])
    assert json.loads(of_topic["Attributes"]["Policy"])["Statement"] == [allow]


def test_a_bucket_policy_is_put_without_the_conditions_that_moto_cannot_check(deploy: Deploy) -> None:
    tls = {
        "Effect": "Deny", "Action": "s3:*", "Principal": "*", "Resource": "*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }  # fmt: skip
    deny = {"Effect": "Deny", "Action": "s3:DeleteObject", "Principal": "*", "Resource": "*"}

    def stack(*statements: dict[str, Any]) -> dict[str, Any]:
        document = {"Bucket": {"Ref": "Films"}, "PolicyDocument": policy(*statements)}
        return {
            "Films": {"Type": "AWS::S3::Bucket"},
            "Policy": {"Type": "AWS::S3::BucketPolicy", "Properties": document},
        }

    bucket = deploy(stack(tls, deny), Bucket={"Ref": "Films"})["Bucket"]
    put = json.loads(call("s3", "get_bucket_policy", Bucket=bucket)["Policy"])
    assert put["Statement"] == [deny]
    deploy(stack(tls), Bucket={"Ref": "Films"})
    with pytest.raises(ClientError, match="NoSuchBucketPolicy"):
        call("s3", "get_bucket_policy", Bucket=bucket)


def test_a_secret_gets_a_value_and_keeps_it(deploy: Deploy) -> None:
    generate = {
        "SecretStringTemplate": "{}", "GenerateStringKey": "token", "PasswordLength": 48, "ExcludePunctuation": True,
    }  # fmt: skip

    def stack(description: str) -> dict[str, Any]:
        properties = {"Description": description, "GenerateSecretString": generate}
        return {"Token": {"Type": "AWS::SecretsManager::Secret", "Properties": properties}}

    def value() -> str:
        secret = call("secretsmanager", "get_secret_value", SecretId=arn)
        return str(json.loads(secret["SecretString"])["token"])

    arn = deploy(stack("first"), Arn={"Ref": "Token"})["Arn"]
    token = value()
    assert len(token) == 48
    assert token.isalnum()
    deploy(stack("second"), Arn={"Ref": "Token"})
    assert value() == token
    delete()
    assert call("secretsmanager", "list_secrets")["SecretList"] == []


def release(body: str, version: str, **properties: Any) -> dict[str, Any]:
    """Return a function, its alias, and a version with a new logical id, as the CDK creates them."""
    return {
        "Role": ROLE,
        "Api": function(ECHO.replace("ECHO", body), **properties),
        version: {
            "Type": "AWS::Lambda::Version", "DeletionPolicy": "Retain", "Properties": {"FunctionName": {"Ref": "Api"}},
        },
        "Live": {
            "Type": "AWS::Lambda::Alias",
            "Properties": {
                "FunctionName": {"Ref": "Api"}, "Name": "live", "Description": "traffic",
                "FunctionVersion": {"Fn::GetAtt": [version, "Version"]},
            },
        },
    }  # fmt: skip


def invoked(name: str) -> str:
    answer = call("lambda", "invoke", FunctionName=name)
    assert "FunctionError" not in answer, answer["Payload"].read()
    return str(json.loads(answer["Payload"].read())["body"])


def test_an_alias_leads_to_the_version_published_after_the_change(deploy: Deploy) -> None:
    live = deploy(release("one", "First"), Live={"Ref": "Live"})["Live"]
    assert live.endswith(":live")
    assert invoked(live) == "one"
    deploy(release("two", "Second"), Live={"Ref": "Live"})
    assert invoked(live) == "two"
    name = live.removesuffix(":live")
    assert invoked(f"{name}:1") == "one"  # retained, to roll back to


def test_only_a_function_url_with_iam_requires_a_signature(deploy: Deploy, server: Server) -> None:
    def stack(auth_type: str) -> dict[str, Any]:
        properties = {"AuthType": auth_type, "TargetFunctionArn": {"Fn::GetAtt": ["Api", "Arn"]}, "Qualifier": "live"}
        return {
            **release("one", "First"),
            "Url": {"Type": "AWS::Lambda::Url", "DependsOn": "Live", "Properties": properties},
        }

    def status(auth: SigV4 | None) -> int:
        return requests.post(url, data=b"film", auth=auth, timeout=60).status_code

    signature = SigV4(server.credentials, "us-east-1")
    url = deploy(stack("AWS_IAM"), Url={"Fn::GetAtt": ["Url", "FunctionUrl"]})["Url"]
    assert (status(None), status(signature)) == (403, 200)
    assert deploy(stack("NONE"), Url={"Fn::GetAtt": ["Url", "FunctionUrl"]})["Url"] == url
    assert (status(None), status(signature)) == (200, 200)
    delete()
    with pytest.raises(requests.ConnectionError):
        status(None)


def test_the_function_learns_who_signed_and_what_was_sent(deploy: Deploy, server: Server) -> None:
    source = (
        "import json\ndef handler(event, context):\n"
        "    told = [event['requestContext']['authorizer']['iam']['accountId'], event['body'],\n"
        "            'authorization' in event['headers']]\n"
        "    return {'statusCode': 200, 'body': json.dumps(told)}"
    )
    properties = {"AuthType": "AWS_IAM", "TargetFunctionArn": {"Fn::GetAtt": ["Api", "Arn"]}}
    stack = {"Role": ROLE, "Api": function(source), "Url": {"Type": "AWS::Lambda::Url", "Properties": properties}}
    url = deploy(stack, Url={"Fn::GetAtt": ["Url", "FunctionUrl"]})["Url"]
    signature, text = SigV4(server.credentials, "us-east-1"), {"Content-Type": "text/plain"}
    answer = requests.post(url, data=b"film", headers=text, auth=signature, timeout=60)
    assert answer.json() == ["123456789012", "film", False]


CUSTOM = """
import json, urllib.request
def handler(event, context):
    body = {"Status": "STATUS", "Reason": "no bucket", "PhysicalResourceId": "made",
            "Data": {"Heard": json.dumps([event["RequestType"], event["ResourceProperties"]["Value"]])}}
    request = urllib.request.Request(event["ResponseURL"], json.dumps(body).encode(), method="PUT")
    urllib.request.urlopen(request).close()
"""


def custom(value: Any, source: str = CUSTOM.replace("STATUS", "SUCCESS")) -> dict[str, Any]:
    properties = {"ServiceToken": {"Fn::GetAtt": ["Handler", "Arn"]}, "Value": value}
    return {
        "Role": ROLE,
        "Handler": function(source),
        "Notifications": {"Type": "Custom::Notifications", "Properties": properties},
    }


def test_the_handler_of_a_custom_resource_is_invoked_each_time(deploy: Deploy, functions: Functions) -> None:
    heard = {"Heard": {"Fn::GetAtt": ["Notifications", "Heard"]}}
    assert deploy(custom(True), **heard) == {"Heard": '["Create", "true"]'}
    assert deploy(custom({"Days": 3}), **heard) == {"Heard": '["Update", {"Days": "3"}]'}
    assert functions.invocations.total() == 2
    delete()
    assert functions.invocations.total() == 3


@pytest.mark.parametrize(
    ("source", "told"),
    [(CUSTOM.replace("STATUS", "FAILED"), "no bucket"), ("def handler(event, context): ...", "did not respond")],
)
def test_a_handler_that_fails_or_is_silent_fails_the_deployment(deploy: Deploy, source: str, told: str) -> None:
    with pytest.raises(Failed, match=told):
        deploy(custom(1, source))


def test_a_queue_is_delivered_to_its_function_until_the_stack_is_deleted(deploy: Deploy, doors: Doors) -> None:
    source = (
        "import boto3, os\ndef handler(event, context):\n"
        "    sqs = boto3.client('sqs')\n"
        "    for record in event['Records']:\n"
        "        sqs.send_message(QueueUrl=os.environ['OUT'], MessageBody=record['body'])\n"
    )
    mapping = {
        "EventSourceArn": {"Fn::GetAtt": ["In", "Arn"]}, "FunctionName": {"Ref": "Worker"}, "BatchSize": 5,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }  # fmt: skip
    stack = {
        "Role": ROLE,
        "In": {"Type": "AWS::SQS::Queue"},
        "Out": {"Type": "AWS::SQS::Queue"},
        "Worker": function(source, Environment={"Variables": {"OUT": {"Ref": "Out"}}}),
        "Source": {"Type": "AWS::Lambda::EventSourceMapping", "Properties": mapping},
    }
    made = deploy(stack, In={"Ref": "In"}, Out={"Ref": "Out"})
    call("sqs", "send_message", QueueUrl=made["In"], MessageBody="film")
    received: list[dict[str, Any]] = []
    for _ in range(30):  # long polls of one second each
        received = call("sqs", "receive_message", QueueUrl=made["Out"], WaitTimeSeconds=1).get("Messages", [])
        if received:
            break
    assert [message["Body"] for message in received] == ["film"]
    delete()
    assert call("sqs", "list_queues").get("QueueUrls", []) == []


def test_custom_resources_get_scalars_as_text() -> None:
    given = {"Managed": True, "Days": 3, "Name": "a", "List": [False, {"Share": 0.5}]}
    assert as_text(given) == {"Managed": "true", "Days": "3", "Name": "a", "List": ["false", {"Share": "0.5"}]}
