"""The VPC: no route to the internet, and endpoints for the services that the handlers call."""

import re

import pytest

from infra.image import REPOSITORY_ROOT
from tests.infra.conftest import Json, Synthesise, Synthesised

GROUP = "AWS::EC2::SecurityGroup"
ENDPOINT = "AWS::EC2::VPCEndpoint"
FUNCTION = "AWS::Lambda::Function"


@pytest.fixture(scope="module")
def inside(synthesise: Synthesise) -> Synthesised:
    return synthesise(vpc=True, auth="token", event_bus="default")


def services(stack: Synthesised) -> dict[str, str]:
    """Return the type of each endpoint, by the last part of its service's name."""
    found = stack.resources(ENDPOINT).values()
    return {
        endpoint["Properties"]["ServiceName"]["Fn::Join"][1][-1].lstrip("."): endpoint["Properties"]["VpcEndpointType"]
        for endpoint in found
    }


def test_by_default_there_is_no_network(stack: Synthesised) -> None:
    assert not [resource for resource in stack.template["Resources"].values() if "::EC2::" in resource["Type"]]
    for function in stack.resources(FUNCTION).values():
        assert "VpcConfig" not in function["Properties"]


@pytest.mark.parametrize("name", ["Api", "Worker"])
def test_both_functions_are_in_the_isolated_subnets(inside: Synthesised, name: str) -> None:
    _, function = inside.one(FUNCTION, f"Inference{name}")
    group_id, _ = inside.one(GROUP, "NetworkFunctions")
    assert function["VpcConfig"] == {
        "SecurityGroupIds": [{"Fn::GetAtt": [group_id, "GroupId"]}],
        "SubnetIds": [{"Ref": subnet} for subnet in inside.resources("AWS::EC2::Subnet")],
    }
    assert len(inside.resources("AWS::EC2::Subnet")) == 2


@pytest.mark.parametrize("kind", ["InternetGateway", "NatGateway", "Route", "EgressOnlyInternetGateway", "EIP"])
def test_nothing_leads_to_the_internet(inside: Synthesised, kind: str) -> None:
    assert inside.resources(f"AWS::EC2::{kind}") == {}


def test_no_address_is_public(inside: Synthesised) -> None:
    for subnet in inside.resources("AWS::EC2::Subnet").values():
        assert subnet["Properties"]["MapPublicIpOnLaunch"] is False


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({}, {"s3": "Gateway"}),
        ({"auth": "token"}, {"s3": "Gateway", "secretsmanager": "Interface"}),
        ({"event_bus": "default"}, {"s3": "Gateway", "events": "Interface"}),
    ],
    ids=str,
)
def test_endpoints_are_for_what_the_handlers_call(synthesise: Synthesise, overrides: Json, expected: Json) -> None:
    assert services(synthesise(vpc=True, **overrides)) == expected


def test_handlers_call_only_services_with_an_endpoint() -> None:
    # A handler that calls any other service would hang in the VPC. This test fails first.
    source = REPOSITORY_ROOT / "lambda_src" / "pneumonia"
    made = dict(re.findall(r'^def (\w+)\(.*?boto3\.client\("(\w+)"', (source / "aws.py").read_text(), re.M | re.S))
    files = {path.name: path.read_text() for path in source.rglob("*.py")}
    del files["aws.py"], files["release_check.py"]  # the release check runs outside of the VPC
    called = {made[name] for text in files.values() for name in re.findall(r"\baws\.(\w+)\(", text)}
    assert called == {"s3", "secretsmanager", "events"}
    assert not [name for name, text in files.items() if "boto3.client(" in text], "create clients only in aws.py"


def test_the_gateway_allows_only_the_buckets_of_the_stack(inside: Synthesised) -> None:
    (gateway,) = [e["Properties"] for e in inside.resources(ENDPOINT).values() if "PolicyDocument" in e["Properties"]]
    (statement,) = gateway["PolicyDocument"]["Statement"]
    buckets = [inside.one("AWS::S3::Bucket", name)[0] for name in ("UploadBucket", "ResultBucket")]
    assert statement["Action"] == ["s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:PutObject"]
    assert statement["Condition"] == {"StringEquals": {"aws:PrincipalAccount": {"Ref": "AWS::AccountId"}}}
    assert len(statement["Resource"]) == 4
    assert all(any(bucket in str(resource) for bucket in buckets) for resource in statement["Resource"])
    # Both subnets use it.
    assert len(gateway["RouteTableIds"]) == 2


def test_interface_endpoints_are_private_and_admit_only_the_functions(inside: Synthesised) -> None:
    functions, _ = inside.one(GROUP, "NetworkFunctions")
    interfaces = [
        endpoint["Properties"]
        for endpoint in inside.resources(ENDPOINT).values()
        if endpoint["Properties"]["VpcEndpointType"] == "Interface"
    ]
    assert len(interfaces) == 2
    for interface in interfaces:
        assert interface["PrivateDnsEnabled"] is True
        assert len(interface["SubnetIds"]) == 2
    rules = inside.resources("AWS::EC2::SecurityGroupIngress").values()
    assert len(rules) == 2
    for rule in rules:
        assert rule["Properties"]["SourceSecurityGroupId"] == {"Fn::GetAtt": [functions, "GroupId"]}
        assert (rule["Properties"]["FromPort"], rule["Properties"]["ToPort"]) == (443, 443)
    assert not [group for group in inside.resources(GROUP).values() if "SecurityGroupIngress" in group["Properties"]]


def test_functions_may_only_connect_by_https(inside: Synthesised) -> None:
    _, group = inside.one(GROUP, "NetworkFunctions")
    (rule,) = group["SecurityGroupEgress"]
    assert (rule["IpProtocol"], rule["FromPort"], rule["ToPort"]) == ("tcp", 443, 443)


def test_flow_logs_are_written_and_kept_like_other_logs(inside: Synthesised) -> None:
    _, flow = inside.one("AWS::EC2::FlowLog", "")
    logs_id, logs = inside.one("AWS::Logs::LogGroup", "FlowLogs")
    assert flow["TrafficType"] == "ALL"
    assert flow["LogGroupName"] == {"Ref": logs_id}
    assert logs["RetentionInDays"] == 90
