"""What `make deploy` looks at before it builds anything: one sentence for each thing that is missing.

Only what is surely missing is told. Where the account does not let this look, the CDK itself has to.
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
"""Base image, layers of the build and what is pushed, unpacked."""

_ARCHITECTURES: Final = {"aarch64": "arm64", "amd64": "x86_64"}
"""As Docker names them -> as the setting does."""
_PLATFORMS: Final = {"x86_64": "linux/amd64", "arm64": "linux/arm64"}


def missing(context: Mapping[str, Any]) -> list[str]:
    """One sentence for each thing that keeps the CDK from deploying with these settings."""
    return [*_docker(str(context["architecture"])), *_account(str(context["stack_name"]))]


def settings(arguments: Sequence[str]) -> dict[str, Any]:
    """The defaults of cdk.json with what -c of these arguments of the CDK says."""
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
        yield f"There is no {docker} command: install Docker (Docker Desktop on macOS), which builds the image."
        return
    root = _output(docker, "info", "--format", "{{.DockerRootDir}}")
    if root is None:
        yield f"{docker} is installed, but its engine does not answer: start it, and see that you may use it."
        return
    if docker != "docker":
        return
    # Without buildx the engine builds for its own processor alone.
    builder = _output(docker, "buildx", "inspect")
    own = str(_output(docker, "info", "--format", "{{.Architecture}}"))
    if builder is None and _PLATFORMS.get(_ARCHITECTURES.get(own, own)) != (platform := _PLATFORMS[architecture]):
        yield f"Docker has no buildx to build for {platform} on {own}: install the plugin (docker-buildx-plugin)."
    if builder is not None and (platform := _PLATFORMS[architecture]) not in builder:
        yield (
            f"This Docker cannot build for {platform}: install its emulation (docker run --privileged --rm "
            "tonistiigi/binfmt --install all), or deploy with the architecture of this machine (-c architecture=…)."
        )
    # The engine of Docker Desktop has a disk of its own, which is not seen from here.
    if Path(root).is_dir() and (free := shutil.disk_usage(root).free) < _FREE_BYTES:
        needed = f"the image needs {_FREE_BYTES / 1e9:.0f} GB"
        yield f"{root} has {free / 1e9:.1f} GB free, and {needed}: docker system prune, or another disk."


def _account(stack: str) -> Iterator[str]:
    try:
        session = boto3.Session(region_name=os.environ.get("AWS_REGION"))  # which the CDK reads and boto3 does not
        found = session.get_credentials()
    except BotoCoreError as error:
        yield f"The AWS credentials cannot be used: {error}."
        return
    if found is None:
        yield "There are no AWS credentials: aws configure, aws sso login, or AWS_PROFILE."
        return
    region: str | None = session.region_name
    if region is None:
        yield "No AWS region is set: export AWS_REGION=eu-west-1, or aws configure."
        return
    try:
        account = session.client("sts").get_caller_identity()["Account"]
    except (BotoCoreError, ClientError) as error:
        yield f"AWS does not take the credentials ({_reason(error)}): log in again, or look at AWS_PROFILE."
        return
    try:
        session.client("ssm").get_parameter(Name=_BOOTSTRAP)
    except ClientError as error:
        if error_code(error) == "ParameterNotFound":
            yield f"The account {account} is not prepared for the CDK in {region}: make bootstrap."
    except BotoCoreError:
        return
    yield from _rolled_back(stack, region)


def _rolled_back(stack: str, region: str) -> Iterator[str]:
    """Whether an alias stands where CodeDeploy would refuse it."""
    try:
        with Aws(region=region) as aws:
            found = resources(aws, stack)
            client, recorded = aws.client("lambda"), recorded_versions(found)
            names = [*physical(found, FUNCTION, API), *physical(found, FUNCTION, WORKER)]
            moved = [name for name in names if name in recorded and step(client, name).current != recorded[name]]
    except (BotoCoreError, ClientError, CliError):
        return  # no such stack yet, no permission to look, or a deployment is under way
    if moved:
        yield (
            f"{' and '.join(moved)} were rolled back, and CodeDeploy would refuse this deployment: pneumonia rollback "
            f"--undo --stack {stack} --yes, then deploy at once with -c deployment=all_at_once."
        )


def _reason(error: BotoCoreError | ClientError) -> str:
    return error_code(error) if isinstance(error, ClientError) else type(error).__name__


def _output(*command: str) -> str | None:
    """What a command prints; None if it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def main(arguments: Sequence[str]) -> int:
    """Tell what is missing on standard error; answers the exit code: 1 if anything is."""
    found = missing(settings(arguments))
    for sentence in found:
        print(sentence, file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
