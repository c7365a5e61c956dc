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


def test_an_unknown_type_fails_the_deployment_and_leaves_nothing(deploy: Deploy) -> None:
    with pytest.raises(Failed, match="AWS::GameLift::Fleet"):
        deploy({"Fleet": UNKNOWN, "Queue": queue()})
    assert queues() == []


def test_a_failed_update_is_rolled_back(deploy: Deploy) -> None:
    url = deploy({"Queue": queue(30)}, Url={"Ref": "Queue"})["Url"]
    with pytest.raises(Failed, match="AWS::GameLift::Fleet"):
        deploy({"Queue": queue(60), "Other": queue(), "Fleet": {**UNKNOWN, "DependsOn": ["Queue", "Other"]}})
    assert queues() == [url.rpartition("/")[2]]
    assert timeout(url) == "30"


def test_resources_removed_from_the_template_are_deleted(deploy: Deploy) -> None:
    deploy({"Queue": queue(), "Other": queue()})
    url = deploy({"Queue": queue(60)}, Url={"Ref": "Queue"})["Url"]
    assert queues() == [url.rpartition("/")[2]]
    assert timeout(url) == "60"


@pytest.mark.parametrize("policy", ["Retain", "RetainExceptOnCreate"])
def test_retained_resources_stay(deploy: Deploy, policy: str) -> None:
    bucket: dict[str, Any] = {"Type": "AWS::S3::Bucket", "DeletionPolicy": policy}
    name = deploy({"Images": bucket}, Name={"Ref": "Images"})["Name"]
    call("cloudformation", "delete_stack", StackName=STACK)
    call("s3", "head_bucket", Bucket=name)


def test_a_failed_first_deployment_removes_resources_with_retain_except_on_create(deploy: Deploy) -> None:
    bucket: dict[str, Any] = {"Type": "AWS::S3::Bucket", "DeletionPolicy": "RetainExceptOnCreate"}
    with pytest.raises(Failed, match="AWS::GameLift::Fleet"):
        deploy({"Images": bucket, "Fleet": {**UNKNOWN, "DependsOn": "Images"}})
    assert call("s3", "list_buckets")["Buckets"] == []


def test_a_changed_deletion_policy_is_not_an_update(deploy: Deploy) -> None:
    """CloudFormation does not change a resource of which only attributes differ. moto cannot update a log group."""
    group = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": "ward"}, "DeletionPolicy": "Retain"}
    deploy({"Logs": group})
    deploy({"Logs": {**group, "DeletionPolicy": "RetainExceptOnCreate"}})


def test_a_refusal_of_aws_is_logged_without_a_traceback(deploy: Deploy, caplog: pytest.LogCaptureFixture) -> None:
    dashboard = {"Type": "AWS::CloudWatch::Dashboard", "Properties": {"DashboardName": "ward", "DashboardBody": "{}"}}
    call("cloudwatch", "put_dashboard", DashboardName="ward", DashboardBody='{"widgets": []}')
    with pytest.raises(Failed, match="ward already exists"):
        deploy({"Dashboard": dashboard})
    (told,) = (record for record in caplog.records if record.name == "rehearsal.deployment")
    assert (told.getMessage(), told.exc_info) == ("CloudFormation rolls back: ward already exists", None)
