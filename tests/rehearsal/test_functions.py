"""Lambda operations that this project's commands use and moto lacks."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.api import call
from rehearsal.functions import Functions, put_to_sleep
from tests.rehearsal.conftest import ROLE, Deploy, function


def test_no_function_has_provisioned_concurrency(functions: Functions) -> None:
    with pytest.raises(ClientError) as caught:
        call("lambda", "get_provisioned_concurrency_config", FunctionName="api", Qualifier="live")
    assert caught.value.response["Error"]["Code"] == "ProvisionedConcurrencyConfigNotFoundException"


def test_an_inactive_version_refuses_one_call_and_is_then_active(deploy: Deploy) -> None:
    api = function("def handler(event, context):\n    return 7")
    version = {"Type": "AWS::Lambda::Version", "Properties": {"FunctionName": {"Ref": "Api"}}}
    arn = deploy({"Role": ROLE, "Api": api, "One": version}, Version={"Ref": "One"})["Version"]
    put_to_sleep(arn.split(":")[-2], "1")
    assert call("lambda", "get_function_configuration", FunctionName=arn)["State"] == "Inactive"
    with pytest.raises(ClientError) as caught:
        call("lambda", "invoke", FunctionName=arn)
    assert caught.value.response["Error"]["Code"] == "CodeArtifactUserPendingException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert call("lambda", "get_function_configuration", FunctionName=arn)["State"] == "Active"
    assert call("lambda", "invoke", FunctionName=arn)["Payload"].read() == b"7"


def test_an_update_gives_the_image_another_command(deploy: Deploy) -> None:
    def of_image(command: str) -> dict[str, Any]:
        properties = {
            "PackageType": "Image", "Code": {"ImageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/a:b"},
            "Role": {"Fn::GetAtt": ["Role", "Arn"]}, "ImageConfig": {"Command": [command]},
        }  # fmt: skip
        return {"Type": "AWS::Lambda::Function", "Properties": properties}

    name = deploy({"Role": ROLE, "Api": of_image("old.handler")}, Name={"Ref": "Api"})["Name"]
    deploy({"Role": ROLE, "Api": of_image("new.handler")})
    found = call("lambda", "get_function_configuration", FunctionName=name)
    assert found["ImageConfigResponse"]["ImageConfig"]["Command"] == ["new.handler"]
