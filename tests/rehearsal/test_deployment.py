"""Stacks are created in order, and completely rolled back after a failure."""

from typing import Any

import pytest

from rehearsal.api import call
from tests.rehearsal.conftest import STACK, Deploy, Failed

UNKNOWN: dict[str, Any] = {"Type": "AWS::GameLift::Fleet", "DependsOn": "Queue", "Properties": {}}


def queue(seconds: int = 30) -> dict[str, Any]:
    return {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": seconds}}


def queues() -> list[str]:
    return [url.rpartition("/")[2] for url in call("sqs", "list_queues").get("QueueUrls", [])]


def timeout(url: str) -> str:
    attributes = call("sqs", "get_queue_attributes", QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    return str(attributes["VisibilityTimeout"])


def test_a_type_that_nobody_knows_fails_the_deployment_and_nothing_stays(deploy: Deploy) -> None:
    with pytest.raises(Failed, match="AWS::GameLift::Fleet"):
        deploy({"Fleet": UNKNOWN, "Queue": queue()})
    assert queues() == []


def test_an_update_that_fails_goes_back(deploy: Deploy) -> None:
    url = deploy({"Queue": queue(30)}, Url={"Ref": "Queue"})["Url"]
    with pytest.raises(Failed, match="AWS::GameLift::Fleet"):
        deploy({"Queue": queue(60), "Other": queue(), "Fleet": {**UNKNOWN, "DependsOn": ["Queue", "Other"]}})
    assert queues() == [url.rpartition("/")[2]]
    assert timeout(url) == "30"


def test_what_the_template_no_longer_holds_is_removed(deploy: Deploy) -> None:
    deploy({"Queue": queue(), "Other": queue()})
    url = deploy({"Queue": queue(60)}, Url={"Ref": "Queue"})["Url"]
    assert queues() == [url.rpartition("/")[2]]
    assert timeout(url) == "60"


@pytest.mark.parametrize("policy", ["Retain", "RetainExceptOnCreate"])
def test_what_is_to_be_retained_stays(deploy: Deploy, policy: str) -> None:
    bucket: dict[str, Any] = {"Type": "AWS::S3::Bucket", "DeletionPolicy": policy}
    name = deploy({"Images": bucket}, Name={"Ref": "Images"})["Name"]
    call("cloudformation", "delete_stack", StackName=STACK)
    call("s3", "head_bucket", Bucket=name)


def test_a_first_deployment_that_fails_leaves_nothing_that_is_retained_except_on_create(deploy: Deploy) -> None:
    bucket: dict[str, Any] = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "RetainExceptOnCreate"}
    with pytest.raises(Failed, match="AWS::GameLift::Fleet"):
        deploy({"Images": bucket, "Fleet": {**UNKNOWN, "DependsOn": "Images"}})
    assert call("s3", "list_buckets")["Buckets"] == []


def test_a_policy_for_the_end_is_no_update(deploy: Deploy) -> None:
    """CloudFormation does not change a resource of which only attributes differ. moto cannot update a log group."""
    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "ward"}, "DeletionPolicy": "Retain"}
    deploy({"Logs": group})
    deploy({"Logs": {**group, "DeletionPolicy": "RetainExceptOnCreate"}})


def test_what_aws_would_refuse_is_told_without_a_traceback(deploy: Deploy, caplog: pytest.LogCaptureFixture) -> None:
    dashboard = {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardName": "ward", "DashboardBody": "{}"}}
    call("cloudwatch", "put_dashboard", DashboardName="ward", DashboardBody='{"widgets": []}')
    with pytest.raises(Failed, match="ward already exists"):
        deploy({"Dashboard": dashboard})
    (told,) = (record for record in caplog.records if record.name == "rehearsal.deployment")
    assert (told.getMessage(), told.exc_info) == ("CloudFormation rolls back: ward already exists", None)
