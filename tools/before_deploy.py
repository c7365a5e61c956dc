"""Check the requirements of `make deploy` before it builds anything. Report each missing one in one sentence.

The program only reports requirements that are certainly missing. If the account's permissions do not allow a check, it
skips the check, and the CDK reports the problem later.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from pneumonia_cli.client.aws import Aws, error_code
from pneumonia_cli.client.errors import CliError
from pneumonia_cli.client.operating.rollback import recorded_versions, step
from pneumonia_cli.client.operating.stack_resources import API, FUNCTION, WORKER, physical, resources
from pneumonia_cli.stack.context import default_context

_BOOTSTRAP: Final = "/cdk-bootstrap/hnb659fds/version"
_FREE_BYTES: Final = 4_000_000_000
"""Space for the base image, the layers of the build and the pushed image, unpacked."""

_ARCHITECTURES: Final = {"aarch64": "arm64", "amd64": "x86_64"}
"""Docker's name of an architecture -> its name in the setting `architecture`."""
_PLATFORMS: Final = {"x86_64": "linux/amd64", "arm64": "linux/arm64"}


def missing(context: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each problem that prevents the CDK from deploying with these settings."""
    return [*_docker(str(context["architecture"])), *_account(str(context["stack_name"]))]


def settings(arguments: Sequence[str]) -> dict[str, Any]:
    """Return the defaults of cdk.json, changed by the -c options in the arguments of the CDK."""
    context = default_context()
    for number, argument in enumerate(arguments):
        given = ""
        if argument in ("-c", "--context") and number + 1 < len(arguments):
            given = arguments[number + 1]
        elif argument.startswith(("-c", "--context=")) and "=" in argument:
            given = argument.removeprefix("--context=").removeprefix("-c")
        name, equals, value = given.partition("=")
        if equals:
            context[name] = value
    return context


def _docker(architecture: str) -> Iterator[str]:
    docker = os.environ.get("CDK_DOCKER", "docker")
    if shutil.which(docker) is None:
        yield f"There is no {docker} command to build the image: install Docker (Docker Desktop on macOS)."
        return
    root = _output(docker, "info", "--format", "{{.DockerRootDir}}")
    if root is None:
        yield f"{docker} is installed, but its engine does not answer: start it, and check that your user may use it."
        return
    if docker != "docker":
        return
    # Without buildx, Docker only builds for its own architecture.
    builder = _output(docker, "buildx", "inspect")
    own = str(_output(docker, "info", "--format", "{{.Architecture}}"))
    if builder is None and _PLATFORMS.get(_ARCHITECTURES.get(own, own)) != (platform := _PLATFORMS[architecture]):
        yield f"Docker has no buildx to build for {platform} on {own}: install the plugin (docker-buildx-plugin)."
    if builder is not None and (platform := _PLATFORMS[architecture]) not in builder:
        yield (
            f"This Docker cannot build for {platform}: install its emulation (docker run --privileged --rm "
            "tonistiigi/binfmt --install all), or deploy with the architecture of this machine (-c architecture=…)."
        )
    # Check only if the folder is on this machine: the free space on Docker Desktop's separate disk is not visible here.
    if Path(root).is_dir() and (free := shutil.disk_usage(root).free) < _FREE_BYTES:
        needed = f"the image needs {_FREE_BYTES / 1e9:.0f} GB"
        yield f"{root} has {free / 1e9:.1f} GB free, and {needed}: run docker system prune, or use another disk."


def _account(stack: str) -> Iterator[str]:
    try:
        session = boto3.Session(region_name=os.environ.get("AWS_REGION"))  # the CDK reads it, but boto3 does not
        found = session.get_credentials()
    except BotoCoreError as error:
        yield f"The AWS credentials cannot be used: {error}."
        return
    if found is None:
        yield "There are no AWS credentials: run aws configure or aws sso login, or set AWS_PROFILE."
        return
    region: str | None = session.region_name
    if region is None:
        yield "No AWS region is set: run export AWS_REGION=eu-west-1 or aws configure."
        return
    try:
        account = session.client("sts").get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        yield f"AWS does not accept the credentials ({_reason(error)}): log in again, or check AWS_PROFILE."
        return
    try:
        session.client("ssm").get_parameter(Name=_BOOTSTRAP)
    except ClientError as error:
        if error_code(error) == "ParameterNotFound":
            yield f"The account {account} is not prepared for the CDK in {region}: run make bootstrap."
    except BotoCoreError:
        return
    yield from _rolled_back(stack, region)


def _rolled_back(stack: str, region: str) -> Iterator[str]:
    """Return a problem if an alias points to a version that CodeDeploy would refuse."""
    try:
        with Aws(region=region) as aws:
            found = resources(aws, stack)
            client, recorded = aws.client("lambda"), recorded_versions(found)
            names = [*physical(found, FUNCTION, API), *physical(found, FUNCTION, WORKER)]
            moved = [name for name in names if name in recorded and step(client, name).current != recorded[name]]
    except (BotoCoreError, ClientError, CliError):
        return  # no stack yet, no permission, or a deployment in progress
    if moved:
        yield (
            f"{' and '.join(moved)} were rolled back, and CodeDeploy would refuse this deployment: run pneumonia "
            f"rollback --undo --stack {stack} --yes, then deploy with -c deployment=all_at_once."
        )


def _reason(error: BotoCoreError | ClientError) -> str:
    return error_code(error) if isinstance(error, ClientError) else type(error).__name__


def _output(*command: str) -> str | None:
    """Return the output of a command; None if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def main(arguments: Sequence[str]) -> int:
    """Print missing requirements to standard error. Return the exit code: 1 if there are any."""
    found = missing(settings(arguments))
    for sentence in found:
        print(sentence, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
