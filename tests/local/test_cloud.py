import contextlib
import json
import os

import boto3
import pytest
from botocore.exceptions import ClientError

from pneumonia_cli.local.cloud import Cloud, client_environment, local_cloud
from pneumonia_cli.local.names import DEAD_LETTER_QUEUE, RESULT_BUCKET, UPLOAD_BUCKET
from pneumonia_cli.local.poller import Poller
from pneumonia_cli.stack.settings import MAX_RECEIVES, StackSettings


def test_queue_is_set_up_as_in_the_stack(cloud: Cloud, settings: StackSettings) -> None:
    found = cloud.sqs.get_queue_attributes(QueueUrl=cloud.queue_url, AttributeNames=["All"])["Attributes"]
    assert int(found["VisibilityTimeout"]) == settings.visibility_timeout_seconds
    redrive = json.loads(found["RedrivePolicy"])
    assert redrive["maxReceiveCount"] == MAX_RECEIVES
    assert redrive["deadLetterTargetArn"].endswith(DEAD_LETTER_QUEUE)


def test_only_uploads_fire_events(cloud: Cloud) -> None:
    assert cloud.s3.get_bucket_versioning(Bucket=UPLOAD_BUCKET)["Status"] == "Enabled"
    found = cloud.s3.get_bucket_notification_configuration(Bucket=UPLOAD_BUCKET)["QueueConfigurations"]
    assert [(entry["QueueArn"], entry["Events"]) for entry in found] == [(cloud.queue_arn, ["s3:ObjectCreated:*"])]
    assert "QueueConfigurations" not in cloud.s3.get_bucket_notification_configuration(Bucket=RESULT_BUCKET)


def test_browsers_may_post_uploads_as_in_the_stack(cloud: Cloud) -> None:
    (rule,) = cloud.s3.get_bucket_cors(Bucket=UPLOAD_BUCKET)["CORSRules"]
    assert rule["AllowedMethods"] == ["POST"]
    assert rule["AllowedOrigins"] == ["http://127.0.0.1:*"]


def test_handlers_get_the_origin_of_uploads(settings: StackSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPLOAD_ORIGIN", "https://elsewhere.example.org")
    with local_cloud(settings) as cloud:
        assert os.environ["UPLOAD_ORIGIN"] == cloud.endpoint_url
    assert os.environ["UPLOAD_ORIGIN"] == "https://elsewhere.example.org"


def test_the_aws_account_of_the_user_is_not_used(settings: StackSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "hospital")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "https://s3.example.org")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example.org:3128")
    monkeypatch.setenv("NO_PROXY", "example.org")
    with local_cloud(settings) as cloud:
        # From the environment only, as the handlers make their clients.
        client = boto3.client("s3")
        assert client.meta.endpoint_url == cloud.endpoint_url
        credentials = boto3.Session().get_credentials()
        assert credentials is not None
        assert credentials.access_key == "testing"
        assert {bucket["Name"] for bucket in client.list_buckets()["Buckets"]} == {UPLOAD_BUCKET, RESULT_BUCKET}
        client.close()
        assert "AWS_PROFILE" not in os.environ
        assert os.environ["NO_PROXY"] == "example.org,localhost,127.0.0.1"
    assert os.environ["AWS_PROFILE"] == "hospital"
    assert os.environ["AWS_ACCESS_KEY_ID"] == "AKIAREAL"
    assert os.environ["NO_PROXY"] == "example.org"
    assert "AWS_ENDPOINT_URL" not in os.environ


def test_exported_variables_reach_the_cloud(cloud: Cloud) -> None:
    exported = client_environment(cloud.endpoint_url)
    assert {name: os.environ[name] for name in exported} == exported


def test_a_function_gets_403_for_an_absent_result(cloud: Cloud) -> None:
    with contextlib.closing(boto3.client("s3")) as of_function:
        with pytest.raises(ClientError, match="403"):
            of_function.head_object(Bucket=RESULT_BUCKET, Key="absent.json")
        with pytest.raises(ClientError, match="404"):
            of_function.head_object(Bucket=UPLOAD_BUCKET, Key="absent.png")
    with pytest.raises(ClientError, match="404"):
        cloud.s3.head_object(Bucket=RESULT_BUCKET, Key="absent.json")


@pytest.mark.slow
def test_the_next_cloud_starts_empty(settings: StackSettings) -> None:
    with local_cloud(settings) as first:
        first.s3.put_object(Bucket=UPLOAD_BUCKET, Key="a.png", Body=b"x")
    with local_cloud(settings) as second:
        assert second.s3.list_objects_v2(Bucket=UPLOAD_BUCKET)["KeyCount"] == 0


def test_dead_letters_are_counted(cloud: Cloud) -> None:
    assert cloud.dead_letters() == 0
    cloud.sqs.send_message(QueueUrl=cloud.dead_letter_queue_url, MessageBody="x")
    assert cloud.dead_letters() == 1


def test_the_test_event_of_s3_is_dropped(cloud: Cloud, poller: Poller) -> None:
    # S3 sends it when the notification is configured.
    assert poller.poll() == 1
    assert poller.poll() == 0
    assert cloud.dead_letters() == 0
