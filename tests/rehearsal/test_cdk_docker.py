"""What the CDK CLI asks of `docker` comes out as a command of this machine's registry."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from werkzeug.wrappers import Request, Response

from pneumonia_cli.local.names import HOST
from pneumonia_cli.local.wsgi_server import running
from rehearsal.cdk_docker import REGISTRY_VARIABLE, TAGS_VARIABLE, main
from rehearsal.server import Server

ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
MEDIA_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": MEDIA_TYPE, "config": {"size": 7}})


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker command that writes down what it was asked, and fails if it is to `fail`."""
    log = tmp_path / "asked"
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\necho "$@" >> {log}\n[ "$1" != fail ]\n')
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv(TAGS_VARIABLE, str(tmp_path / "tags"))
    return log


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    def respond(request: Request) -> Response:
        assert request.path == "/v2/assets/manifests/abc"
        return Response(MANIFEST, content_type=MEDIA_TYPE)

    with running(Request.application(respond), 0) as port:
        monkeypatch.setenv(REGISTRY_VARIABLE, f"{HOST}:{port}")
        yield f"{HOST}:{port}"


def test_a_login_is_not_needed(asked: Path) -> None:
    assert main(["login", "--username", "AWS", "--password-stdin", f"https://{ECR}"]) == 0
    assert not asked.exists()


def test_an_image_is_built_as_it_is(asked: Path, registry: str) -> None:
    assert main(["build", "--tag", "cdkasset-abc", "."]) == 0
    assert asked.read_text() == "build --tag cdkasset-abc .\n"


def test_its_tag_is_of_the_registry_of_this_machine_and_kept_for_the_end(
    asked: Path, registry: str, tmp_path: Path
) -> None:
    assert main(["tag", "cdkasset-abc", f"{ECR}/assets:abc"]) == 0
    assert asked.read_text() == f"tag cdkasset-abc {registry}/assets:abc\n"
    assert (tmp_path / "tags").read_text().split() == ["cdkasset-abc", f"{registry}/assets:abc"]


def test_what_was_pushed_is_in_ecr(asked: Path, registry: str, server: Server) -> None:
    ecr = boto3.client("ecr")
    ecr.create_repository(repositoryName="assets")
    assert main(["push", f"{ECR}/assets:abc"]) == 0
    assert asked.read_text() == f"push {registry}/assets:abc\n"
    (image,) = ecr.batch_get_image(repositoryName="assets", imageIds=[{"imageTag": "abc"}])["images"]
    assert json.loads(image["imageManifest"])["config"] == {"size": 7}
    ecr.close()


def test_its_failure_is_docker_s(asked: Path, registry: str) -> None:
    assert main(["fail"]) == 1


def test_the_tag_of_a_build_is_kept_for_the_end_even_if_it_fails(asked: Path, registry: str, tmp_path: Path) -> None:
    assert main(["fail", "build", "--tag", "cdkasset-abc", "."]) == 1
    assert (tmp_path / "tags").read_text().split() == ["cdkasset-abc"]
