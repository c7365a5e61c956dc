"""Access control: the Function URL, its permissions, the token, and origins of other sites."""

import pytest
from aws_cdk.assertions import Annotations, Match

from pneumonia_cli.stack.cors import HEADERS, MAX_AGE_SECONDS, METHODS
from tests.infra.conftest import Json, Synthesise, Synthesised

FUNCTION = "AWS::Lambda::Function"
ALIAS = "AWS::Lambda::Alias"
SECRET = "AWS::SecretsManager::Secret"
ACCOUNT = {"Ref": "AWS::AccountId"}

# auth -> (type of the Function URL, principal of both permissions)
MODES = {"iam": ("AWS_IAM", ACCOUNT), "token": ("NONE", "*"), "none": ("NONE", "*")}


def permissions(stack: Synthesised) -> dict[str, Json]:
    """Return the resource policy of the API's alias: action -> the rest of the permission."""
    live_id, _ = stack.one(ALIAS, "InferenceApiLive")
    found = {}
    for permission in stack.resources("AWS::Lambda::Permission").values():
        properties = dict(permission["Properties"])
        # The ARN with the alias's name: a permission on the function does not apply to its aliases.
        assert properties.pop("FunctionName") == {"Ref": live_id}
        found[properties.pop("Action")] = properties
    assert len(found) == len(stack.resources("AWS::Lambda::Permission"))
    return found


@pytest.mark.parametrize("auth", MODES)
def test_function_url_has_both_permissions_that_aws_asks_for(synthesise: Synthesise, auth: str) -> None:
    stack = synthesise(auth=auth)
    url_type, principal = MODES[auth]
    _, url = stack.one("AWS::Lambda::Url", "")
    api_id, _ = stack.one(FUNCTION, "InferenceApi")
    assert url["AuthType"] == url_type
    assert url["TargetFunctionArn"] == {"Fn::GetAtt": [api_id, "Arn"]}
    assert url["Qualifier"] == stack.one(ALIAS, "InferenceApiLive")[1]["Name"]
    assert permissions(stack) == {
        "lambda:InvokeFunctionUrl": {"Principal": principal, "FunctionUrlAuthType": url_type},
        "lambda:InvokeFunction": {"Principal": principal, "InvokedViaFunctionUrl": True},
    }


@pytest.mark.parametrize("auth", MODES)
def test_function_knows_the_mode(synthesise: Synthesise, auth: str) -> None:
    _, api = synthesise(auth=auth).one(FUNCTION, "InferenceApi")
    assert api["Environment"]["Variables"]["AUTH_MODE"] == auth


def test_default_is_iam(stack: Synthesised) -> None:
    assert stack.one("AWS::Lambda::Url", "")[1]["AuthType"] == "AWS_IAM"


def test_only_an_open_function_url_warns(synthesise: Synthesise) -> None:
    warnings = {
        auth: Annotations.from_stack(synthesise(auth=auth).stack).find_warning("*", Match.any_value()) for auth in MODES
    }
    assert {auth: len(found) for auth, found in warnings.items()} == {"iam": 0, "token": 0, "none": 1}
    assert "auth is 'none'" in str(warnings["none"][0].entry.data)


def test_token_is_generated_and_never_written_down(synthesise: Synthesise) -> None:
    _, secret = synthesise(auth="token").one(SECRET, "")
    assert secret["GenerateSecretString"] == {
        "SecretStringTemplate": "{}",
        "GenerateStringKey": "token",
        "PasswordLength": 48,
        "ExcludePunctuation": True,
    }
    assert "SecretString" not in secret


@pytest.mark.parametrize("auth", ["iam", "none"])
def test_without_the_mode_there_is_no_token(synthesise: Synthesise, auth: str) -> None:
    stack = synthesise(auth=auth)
    assert stack.resources(SECRET) == {}
    _, api = stack.one(FUNCTION, "InferenceApi")
    assert "AUTH_SECRET_ID" not in api["Environment"]["Variables"]


def test_token_is_deleted_with_the_stack(synthesise: Synthesise) -> None:
    (secret,) = synthesise(auth="token").resources(SECRET).values()
    assert secret["DeletionPolicy"] == "Delete"


def test_only_the_api_may_read_the_token(synthesise: Synthesise) -> None:
    stack = synthesise(auth="token")
    secret_id, _ = stack.one(SECRET, "")
    api_role_id, _ = stack.one("AWS::IAM::Role", "InferenceApiRole")
    found = [
        (policy["Properties"].get("Roles"), statement["Action"], statement["Resource"])
        for policy in stack.template["Resources"].values()
        for statement in policy.get("Properties", {}).get("PolicyDocument", {}).get("Statement", [])
        if "secretsmanager" in str(statement["Action"]) or secret_id in str(statement)
    ]
    assert found == [([{"Ref": api_role_id}], "secretsmanager:GetSecretValue", {"Ref": secret_id})]
    assert stack.resources("AWS::SecretsManager::ResourcePolicy") == {}


def test_no_other_site_may_call_by_default(stack: Synthesised) -> None:
    assert "Cors" not in stack.one("AWS::Lambda::Url", "")[1]


def test_named_origins_may_call_with_credentials_of_either_kind(synthesise: Synthesise) -> None:
    origins = ["https://viewer.example.org", "https://ward.example.org:8443"]
    _, url = synthesise(cors_origins=origins).one("AWS::Lambda::Url", "")
    cors = url["Cors"]
    assert cors["AllowOrigins"] == origins
    # The local cloud uses the same constants.
    assert cors["AllowMethods"] == list(METHODS) == ["GET", "HEAD", "POST"]
    assert cors["AllowHeaders"] == list(HEADERS)
    assert {"authorization", "content-encoding", "content-type", "x-amz-date", "x-amz-security-token"} <= set(HEADERS)
    # The name that the function sends, and the name that a Function URL gives it.
    assert {"www-authenticate", "x-amzn-remapped-www-authenticate"} <= set(cors["ExposeHeaders"])
    assert cors["MaxAge"] == MAX_AGE_SECONDS
    assert "AllowCredentials" not in cors


def test_pages_may_post_uploads_and_nothing_else(synthesise: Synthesise) -> None:
    stack = synthesise(cors_origins=["https://viewer.example.org"])
    _, bucket = stack.one("AWS::S3::Bucket", "UploadBucket")
    (rule,) = bucket["CorsConfiguration"]["CorsRules"]
    assert rule["AllowedMethods"] == ["POST"]
    assert rule["AllowedOrigins"] == [
        {"Fn::Join": ["", ["https://*.lambda-url.", {"Ref": "AWS::Region"}, ".on.aws"]]},
        "http://127.0.0.1:*",
        "https://viewer.example.org",
    ]
    assert "CorsConfiguration" not in stack.one("AWS::S3::Bucket", "ResultBucket")[1]
