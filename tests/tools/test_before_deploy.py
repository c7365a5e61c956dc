import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from pneumonia_cli.client.operating.stack_resources import Resource
from tools import before_deploy

CONTEXT = {"architecture": "x86_64", "stack_name": "Ward3"}
INSPECT = 'echo "Platforms: linux/amd64, linux/arm64"'


@pytest.fixture
def prepared(aws_credentials: None) -> Iterator[Any]:
    """The SSM client of a bootstrapped account."""
    with mock_aws(), contextlib.closing(boto3.client("ssm")) as ssm:
        ssm.put_parameter(Name="/cdk-bootstrap/hnb659fds/version", Value="28", Type="String")
        yield ssm


Docker = Callable[..., None]


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    """Put a docker command first on the path. The arguments are shell commands: docker(info="exit 1", buildx=…)."""

    def put(info: str = "", buildx: str = INSPECT, architecture: str = "x86_64") -> None:
        command = tmp_path / "docker"
        info = info or f'case "$3" in *Root*) echo {tmp_path} ;; *) echo {architecture} ;; esac'
        command.write_text(f'#!/bin/sh\ncase "$1" in\n  info) {info} ;;\n  buildx) {buildx} ;;\nesac\n')
        command.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        monkeypatch.delenv("CDK_DOCKER", raising=False)

    put()
    return put


def test_nothing_is_missing(prepared: Any, docker: Docker) -> None:
    assert before_deploy.missing(CONTEXT) == []


def told(sentence: str) -> None:
    (found,) = before_deploy.missing(CONTEXT)
    assert sentence in found


def test_no_docker(prepared: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("CDK_DOCKER", str(tmp_path / "nothing"))
    told("install Docker")


def test_a_docker_that_does_not_run(prepared: Any, docker: Docker) -> None:
    docker(info="exit 1")
    told("does not answer: start it")


def test_an_engine_without_buildx_builds_for_its_own_processor(prepared: Any, docker: Docker) -> None:
    docker(buildx="exit 1")
    assert before_deploy.missing(CONTEXT) == []
    docker(buildx="exit 1", architecture="aarch64")
    told("Docker has no buildx to build for linux/amd64 on aarch64")
    assert before_deploy.missing(CONTEXT | {"architecture": "arm64"}) == []


def test_a_docker_for_another_processor(prepared: Any, docker: Docker) -> None:
    docker(buildx='echo "Platforms: linux/arm64"')
    told("cannot build for linux/amd64")


def test_a_full_disk(prepared: Any, docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(before_deploy, "_FREE_BYTES", 10**18)
    told("GB free, and the image needs")


def test_no_credentials(prepared: Any, docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    told("There are no AWS credentials")


def test_a_missing_profile(prepared: Any, docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "ward")
    told("The AWS credentials cannot be used: The config profile (ward) could not be found")


def test_no_region(prepared: Any, docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    told("No AWS region is set")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert before_deploy.missing(CONTEXT) == []


def test_no_bootstrap(prepared: Any, docker: Docker) -> None:
    prepared.delete_parameter(Name="/cdk-bootstrap/hnb659fds/version")
    told("123456789012 is not prepared for the CDK in eu-central-1: run make bootstrap")


def test_a_rollback_that_was_not_undone(prepared: Any, docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    arn = "arn:aws:lambda:eu-central-1:123456789012:function:ward-api"
    found = [
        Resource("AWS::Lambda::Function", "InferenceApi27FA9410", "ward-api"),
        Resource("AWS::Lambda::Version", "InferenceApiCurrentVersion0A", f"{arn}:7"),
    ]

    class Step:
        current = 6

    monkeypatch.setattr(before_deploy, "resources", lambda _aws, _stack: found)
    monkeypatch.setattr(before_deploy, "step", lambda _client, _function: Step)
    told("ward-api were rolled back")
    Step.current = 7
    assert before_deploy.missing(CONTEXT) == []


@pytest.mark.parametrize(
    "arguments",
    [["-c", "architecture=arm64"], ["--context", "architecture=arm64"], ["--context=architecture=arm64"]],
)
def test_settings_match_the_arguments_of_the_cdk(arguments: list[str]) -> None:
    assert before_deploy.settings(["--all", *arguments])["architecture"] == "arm64"
    assert before_deploy.settings([])["architecture"] == "x86_64"


def test_each_problem_is_printed_on_a_separate_line(
    prepared: Any, docker: Docker, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    docker(info="exit 1")
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert before_deploy.main([]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 2
