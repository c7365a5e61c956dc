import json
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from pneumonia_cli.client.aws import Aws
from pneumonia_cli.client.errors import ServiceError, UsageProblem
from pneumonia_cli.client.target import Target, connect, jobs_for, resolve
from pneumonia_cli.local.names import CREDENTIAL, REGION

NAME = "PneumoniaInference"
URL = "https://abc.lambda-url.eu-central-1.on.aws"
OUTPUTS = {
    "FunctionUrl": f"{URL}/",
    "UploadBucketName": "uploads",
    "ResultBucketName": "results",
    "UploadQueueUrl": "https://sqs/1/queue",
    "DeadLetterQueueUrl": "https://sqs/1/dead",
    "AlarmTopicArn": "arn:aws:sns:eu-central-1:1:alarms",
}


@pytest.fixture
def aws(aws_credentials: None) -> Iterator[Aws]:
    with mock_aws(), Aws() as session:
        yield session


def deploy(outputs: dict[str, str]) -> None:
    template = {
        "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
        "Outputs": {name: {"Value": value} for name, value in outputs.items()},
    }
    client = boto3.client("cloudformation")
    client.create_stack(StackName=NAME, TemplateBody=json.dumps(template))
    client.close()


def test_a_stack_is_found_by_its_outputs(aws: Aws) -> None:
    deploy(OUTPUTS)
    target = resolve(aws, NAME, Target(), needed=("url", "upload_bucket"))
    assert target == Target(URL, "uploads", "results", "https://sqs/1/queue", "https://sqs/1/dead")


def test_options_take_precedence_over_the_outputs_of_the_stack(aws: Aws) -> None:
    deploy(OUTPUTS)
    target = resolve(aws, NAME, Target(upload_bucket="mine"), needed=("url", "upload_bucket"))
    assert (target.url, target.upload_bucket) == (URL, "mine")


def test_cloudformation_is_not_asked_for_what_is_known(aws: Aws) -> None:
    named = Target(url="http://127.0.0.1:8000/")
    assert resolve(aws, "NoSuchStack", named, needed=("url",)) == Target(url="http://127.0.0.1:8000")


def test_optional_parts_may_be_missing(aws: Aws) -> None:
    assert resolve(aws, None, Target(url=URL), needed=("url",), useful=("queue_url",)).queue_url is None
    deploy({"FunctionUrl": URL})
    assert resolve(aws, NAME, Target(), needed=("url",), useful=("queue_url",)).queue_url is None


def test_no_such_stack(aws: Aws) -> None:
    with pytest.raises(ServiceError, match="no stack Missing in eu-central-1"):
        resolve(aws, "Missing", Target(), needed=("url",))


def test_a_stack_of_another_project(aws: Aws) -> None:
    deploy({"Something": "else"})
    with pytest.raises(ServiceError, match="FunctionUrl"):
        resolve(aws, NAME, Target(), needed=("url",))


def test_neither_a_stack_nor_its_parts(aws: Aws) -> None:
    with pytest.raises(UsageProblem, match=r"--stack NAME.*--queue-url and --dead-letter-queue-url"):
        resolve(aws, None, Target(), needed=("queue_url", "dead_letter_queue_url"))


def test_the_local_cloud_has_fixed_places_and_no_credentials_of_the_user(aws_credentials: None) -> None:
    env = {"AWS_ENDPOINT_URL": "http://localhost:7777", "AWS_ACCESS_KEY_ID": "mine"}
    with connect("local", "no-such-profile", "eu-west-1", env) as aws:
        assert aws.region == REGION
        assert aws.credentials().access_key == CREDENTIAL
        assert aws.sqs().meta.endpoint_url == "http://localhost:7777"
        target = resolve(aws, "local", Target(), needed=("url", "queue_url"), env=env)
    assert target.url == "http://127.0.0.1:8000"
    assert target.queue_url == "http://localhost:7777/123456789012/pneumonia-uploads"


def test_local_never_means_another_machine() -> None:
    with pytest.raises(UsageProblem, match="AWS_ENDPOINT_URL"):
        connect("local", None, None, {"AWS_ENDPOINT_URL": "https://s3.example.org"})


def test_the_local_cloud_gets_fewer_parallel_requests() -> None:
    assert (jobs_for("local", None), jobs_for(NAME, None), jobs_for("local", 9)) == (4, 16, 9)
