"""Find the parts of a deployed stack: from its outputs, the local cloud's fixed names, or the user's options."""

import dataclasses
import os
from collections.abc import Mapping
from dataclasses import dataclass

from botocore.exceptions import ClientError

from pneumonia_cli.client.aws import Aws, error_code, errors_in_words
from pneumonia_cli.client.errors import ServiceError, UsageProblem
from pneumonia_cli.client.signing import checked_url, is_loopback
from pneumonia_cli.local import names

LOCAL_STACK = "local"
"""The name of the local cloud of `pneumonia serve`. It never means a stack in an AWS account."""

JOBS = 16
UNANSWERED = 1000
LOCAL_JOBS = 4  # S3 and the worker share one process, which more requests would delay
LOCAL_UNANSWERED = 100  # with a longer queue, moto needs more time for each event


@dataclass(frozen=True)
class Target:
    """The known parts of a stack. Other parts are None."""

    url: str | None = None
    upload_bucket: str | None = None
    result_bucket: str | None = None
    queue_url: str | None = None
    dead_letter_queue_url: str | None = None
    token_secret: str | None = None
    state_machine_arn: str | None = None
    backfill_sources: str | None = None


# Names of the outputs in infra/stack.py.
_OUTPUTS = {
    "url": "FunctionUrl",
    "upload_bucket": "UploadBucketName",
    "result_bucket": "ResultBucketName",
    "queue_url": "UploadQueueUrl",
    "dead_letter_queue_url": "DeadLetterQueueUrl",
    "token_secret": "AccessTokenSecretArn",  # a name  # nosec B105
    "state_machine_arn": "BackfillStateMachineArn",
    "backfill_sources": "BackfillSources",
}

_OPTIONS = {
    "url": "--url",
    "upload_bucket": "--upload-bucket",
    "result_bucket": "--results-bucket",
    "queue_url": "--queue-url",
    "dead_letter_queue_url": "--dead-letter-queue-url",
    "token_secret": "--secret",  # a name  # nosec B105
    "state_machine_arn": "--state-machine",
}


def connect(stack: str | None, profile: str | None, region: str | None, env: Mapping[str, str] = os.environ) -> Aws:
    """Return the AWS session for a stack. For the local cloud, the session does not use the user's credentials."""
    if stack == LOCAL_STACK:
        return Aws(region=names.REGION, endpoint_url=_local_endpoint(env), keys=(names.CREDENTIAL, names.CREDENTIAL))
    return Aws(profile=profile, region=region)


def only_at_aws(stack: str | None, what: str, instead: str = "") -> None:
    """Raise UsageProblem for the local cloud, which has no `what`. `instead`: what else the user can do."""
    if stack == LOCAL_STACK:
        told = f"The local cloud has no {what}. Specify --stack NAME with the name of a deployed stack{instead}."
        raise UsageProblem(told)


def jobs_for(stack: str | None, chosen: int | None) -> int:
    """Return the number of parallel requests: `chosen`, or the default for the stack."""
    return chosen or (LOCAL_JOBS if stack == LOCAL_STACK else JOBS)


def unanswered_for(stack: str | None) -> int:
    """Return how many images of a batch can wait for their results."""
    return LOCAL_UNANSWERED if stack == LOCAL_STACK else UNANSWERED


def resolve(
    aws: Aws,
    stack: str | None,
    named: Target,
    needed: tuple[str, ...],
    useful: tuple[str, ...] = (),
    env: Mapping[str, str] = os.environ,
) -> Target:
    """Find the parts of a stack. Parts in `named` take precedence. CloudFormation is called only if a part is missing.

    `needed`: fields of Target that the command requires. `useful`: fields that are optional. Raises UsageProblem if a
    required part is unknown and no stack is named, ServiceError if the stack or the part does not exist.
    """
    if named.url is not None:
        named = dataclasses.replace(named, url=checked_url(named.url))
    missing = [name for name in needed if getattr(named, name) is None]
    enough = not missing and (stack is None or all(getattr(named, name) for name in useful))
    if enough:
        return named
    if stack is None:
        options = " and ".join(_OPTIONS[name] for name in missing)
        raise UsageProblem(
            f"No service is named. Specify --stack NAME (`--stack {LOCAL_STACK}` for the local cloud), or {options}."
        )
    found = _local(_local_endpoint(env)) if stack == LOCAL_STACK else _target(outputs(aws, stack))
    merged = {field: getattr(named, field) or getattr(found, field) for field in _OUTPUTS}
    for name in missing:
        if merged[name] is None:
            raise ServiceError(
                f"The stack {stack} has no output {_OUTPUTS[name]}. Check that it is a stack of this project."
            )
    return Target(**merged)


def outputs(aws: Aws, stack: str) -> dict[str, str]:
    """Return the outputs of a deployed stack by name. Raises ServiceError if the stack does not exist."""
    with errors_in_words(f"The stack {stack}"):
        try:
            described = aws.client("cloudformation").describe_stacks(StackName=stack)
        except ClientError as error:
            if error_code(error) == "ValidationError":
                raise ServiceError(
                    f"There is no stack {stack} in {aws.region}. The name is the setting stack_name in cdk.json. For "
                    "another region or account, use --region or --profile."
                ) from error
            raise
    return {output["OutputKey"]: output["OutputValue"] for output in described["Stacks"][0].get("Outputs", [])}


def _target(named: Mapping[str, str]) -> Target:
    found = {field: named.get(name) for field, name in _OUTPUTS.items()}
    if found["url"] is not None:
        found["url"] = checked_url(found["url"])
    return Target(**found)


def _local_endpoint(env: Mapping[str, str]) -> str:
    endpoint = env.get("AWS_ENDPOINT_URL") or names.endpoint_url(names.S3_PORT)
    if not is_loopback(endpoint):
        raise UsageProblem("--stack local is the local cloud, but AWS_ENDPOINT_URL names another machine. Unset it.")
    return endpoint.rstrip("/")


def _local(endpoint: str) -> Target:
    return Target(
        url=f"http://{names.HOST}:{names.PORT}",
        upload_bucket=names.UPLOAD_BUCKET,
        result_bucket=names.RESULT_BUCKET,
        queue_url=f"{endpoint}/{names.ACCOUNT}/{names.QUEUE}",
        dead_letter_queue_url=f"{endpoint}/{names.ACCOUNT}/{names.DEAD_LETTER_QUEUE}",
        token_secret=names.TOKEN_SECRET,
    )
