"""Evaluate the policies in a template: whether a role, or an AWS service, may do an action on a resource.

References become text: ``arn:<logical id>`` for a resource, REGION and ACCOUNT for region and account. A statement
that this module cannot evaluate fails the test; it does not count as "no".
"""

import fnmatch
from typing import Any

from tests.infra.conftest import Json, Synthesised

ROLE = "AWS::IAM::Role"
POLICY = "AWS::IAM::Policy"
PSEUDO = {"AWS::Partition": "aws", "AWS::Region": "REGION", "AWS::AccountId": "ACCOUNT"}

# Name of a resource in the tests' tables -> its type, and a part of its logical id.
NAMES = {
    "uploads": ("AWS::S3::Bucket", "UploadBucket"),
    "results": ("AWS::S3::Bucket", "ResultBucket"),
    "access logs": ("AWS::S3::Bucket", "AccessLogs"),
    "queue": ("AWS::SQS::Queue", "UploadsQueue"),
    "dead letters": ("AWS::SQS::Queue", "DeadLetterQueue"),
    "token": ("AWS::SecretsManager::Secret", ""),
    "topic": ("AWS::SNS::Topic", ""),
    "data key": ("AWS::KMS::Key", "DataKey"),
    "queue key": ("AWS::KMS::Key", "QueueKey"),
    "operations key": ("AWS::KMS::Key", "OperationsKey"),
    "api": ("AWS::Lambda::Function", "InferenceApi"),
    "worker": ("AWS::Lambda::Function", "InferenceWorker"),
    "api check": ("AWS::Lambda::Function", "ReleaseApiCheck"),
    "worker check": ("AWS::Lambda::Function", "ReleaseWorkerCheck"),
    "api logs": ("AWS::Logs::LogGroup", "InferenceApiLogs"),
    "worker logs": ("AWS::Logs::LogGroup", "InferenceWorkerLogs"),
    "api check logs": ("AWS::Logs::LogGroup", "ReleaseApiCheckLogs"),
    "worker check logs": ("AWS::Logs::LogGroup", "ReleaseWorkerCheckLogs"),
    "notification logs": ("AWS::Logs::LogGroup", "UploadsNotificationsLogs"),
    "flow logs": ("AWS::Logs::LogGroup", "NetworkFlowLogs"),
}


def text(value: Any) -> str:
    """Return an ARN as text: references become arn:<logical id>, and the joined parts stay."""
    match value:
        case str():
            return value
        case {"Ref": pseudo} if pseudo in PSEUDO:
            return PSEUDO[pseudo]
        case {"Ref": name} if name.startswith("Release"):  # Ref of a CodeDeploy resource is its name
            return f"{{{name}}}"
        case {"Ref": name}:
            return f"arn:{name}"
        case {"Fn::GetAtt": [name, "Arn"]}:
            return f"arn:{name}"
        case {"Fn::GetAtt": [name, "Name"]}:
            return f"name:{name}"
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(text(part) for part in parts)
    raise AssertionError(f"cannot evaluate {value}")


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def arn(stack: Synthesised, name: str) -> str:
    """Return the ARN of a name in a table, such as "uploads/ward 3/image.png" or "api:live". An ARN is unchanged."""
    known = [known for known in NAMES if name == known or name.startswith((f"{known}/", f"{known}:"))]
    if not known:
        assert name.startswith("arn:") or name == "*", f"unknown resource {name}"
        return name
    longest = max(known, key=len)
    return f"arn:{stack.one(*NAMES[longest])[0]}{name[len(longest) :]}"


def statements(stack: Synthesised, part_of_role_id: str) -> list[Json]:
    """Return every statement of a role's policies."""
    role_id, role = stack.one(ROLE, part_of_role_id)
    assert "ManagedPolicyArns" not in role, f"{role_id} has managed policies: not evaluated here"
    assert "PermissionsBoundary" not in role
    documents = [policy["PolicyDocument"] for policy in role.get("Policies", [])]
    for policy in stack.resources(POLICY).values():
        if {"Ref": role_id} in policy["Properties"]["Roles"]:
            documents.append(policy["Properties"]["PolicyDocument"])
    return [statement for document in documents for statement in document["Statement"]]


def grants(stack: Synthesised, part_of_role_id: str, effect: str = "Allow") -> set[tuple[str, str]]:
    """Return every (action, resource) pair that a role is allowed, or denied, without conditions.

    Fail the test on any other kind of statement.
    """
    found = set()
    for statement in statements(stack, part_of_role_id):
        assert statement["Effect"] in ("Allow", "Deny")
        if statement["Effect"] != effect:
            continue
        assert not {"NotAction", "NotResource", "Condition"} & set(statement)
        found |= {
            (action, text(resource))
            for action in as_list(statement["Action"])
            for resource in as_list(statement["Resource"])
        }
    return found


def allowed(stack: Synthesised, part_of_role_id: str, action: str, resource: str, **context: str) -> bool:
    """Return whether IAM allows a role an action. `context` has condition keys, with "__" for ":"."""
    return decide(statements(stack, part_of_role_id), action, arn(stack, resource), context)


def key_allows(stack: Synthesised, key: str, service: str, action: str, **context: str) -> bool:
    """Return whether the policy of a key allows an AWS service to use it."""
    _, properties = stack.one(*NAMES[key])
    found = [
        statement
        for statement in properties["KeyPolicy"]["Statement"]
        if text(statement["Principal"].get("Service", "")) == service
    ]
    return decide(found, action, "*", context)


def decide(found: list[Json], action: str, resource: str, context: dict[str, str]) -> bool:
    """Apply the rule of IAM: at least one matching statement must allow, and none may deny."""
    context = {key.replace("__", ":"): value for key, value in context.items()}
    effects = {statement["Effect"] for statement in found if applies(statement, action, resource, context)}
    assert effects <= {"Allow", "Deny"}
    return effects == {"Allow"}


def applies(statement: Json, action: str, resource: str, context: dict[str, str]) -> bool:
    assert not {"NotAction", "NotResource", "NotPrincipal"} & set(statement), f"cannot evaluate {statement}"
    return (
        any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in as_list(statement["Action"]))
        and any(fnmatch.fnmatchcase(resource, text(pattern)) for pattern in as_list(statement["Resource"]))
        and all(
            any(holds(operator, key, text(value), context) for value in as_list(wanted))
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def holds(operator: str, key: str, wanted: str, context: dict[str, str]) -> bool:
    """Evaluate one condition. A key that the request lacks matches none of these operators."""
    if key not in context:
        return False
    if operator == "StringEquals":
        return context[key] == wanted
    if operator in ("ArnLike", "StringLike"):
        return fnmatch.fnmatchcase(context[key], wanted)
    raise AssertionError(f"cannot evaluate the condition {operator}")
