"""The CDK CLI's `docker` commands use the local registry."""

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
from rehearsal.docker import remove_images
from rehearsal.server import Server

ECR = "123456789012.dkr.ecr.us-east-1.amazonaws.com"
MEDIA_TYPE = "application/vnd.docker.distribution.manifest.v2+json"
MANIFEST = json.dumps({"schemaVersion": 2, "mediaType": MEDIA_TYPE, "config": {"size": 7}})


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A docker command that logs its arguments, and fails for the argument `fail`."""
    log = tmp_path / "asked"
    docker = tmp_path / "docker"
    docker.write_text(f'#!/bin/sh\n[ "$1" = images ] || echo "$@" >> {log}\n[ "$1" != fail ]\n')
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


def test_a_build_command_is_unchanged(asked: Path, registry: str) -> None:
    assert main(["build", "--tag", "cdkasset-abc", "."]) == 0
    assert asked.read_text() == "build --tag cdkasset-abc .\n"


def test_its_tag_names_the_local_registry_and_is_kept(asked: Path, registry: str, tmp_path: Path) -> None:
    assert main(["tag", "cdkasset-abc", f"{ECR}/assets:abc"]) == 0
    assert asked.read_text() == f"tag cdkasset-abc {registry}/assets:abc\n"
    assert (tmp_path / "tags").read_text().split() == ["cdkasset-abc", f"{registry}/assets:abc"]


def test_a_pushed_image_is_in_ecr(asked: Path, registry: str, server: Server) -> None:
    ecr = boto3.client("ecr")
    ecr.create_repository(repositoryName="assets")
    assert main(["push", f"{ECR}/assets:abc"]) == 0
    assert asked.read_text() == f"push {registry}/assets:abc\n"
    (image,) = ecr.batch_get_image(repositoryName="assets", imageIds=[{"imageTag": "abc"}])["images"]
    assert json.loads(image["imageManifest"])["config"] == {"size": 7}
    ecr.close()


def test_a_failure_of_docker_is_returned(asked: Path, registry: str) -> None:
    assert main(["fail"]) == 1


BUILDS = """#!/bin/sh
if [ "$1" = images ]; then cat images; exit; fi
echo sha256:aaaaaaaaaaaa0001 > images
echo sha256:bbbbbbbbbbbb0002 >> images
echo sha256:cccccccccccc0003 >> images
echo sha256:dddddddddddd0004 >> images
echo "Step 1/3 : FROM base"
echo " ---> aaaaaaaaaaaa"
echo "Step 2/3 : RUN true"
echo " ---> cccccccccccc"
echo "Step 3/3 : RUN false"
echo " ---> bbbbbbbbbbbb"
exit 1
"""


def test_images_of_a_failed_build_are_kept_but_not_those_of_others(
    asked: Path, registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "docker").write_text(BUILDS)
    (tmp_path / "images").write_text("sha256:aaaaaaaaaaaa0001\n")
    monkeypatch.chdir(tmp_path)
    assert main(["build", "--tag", "cdkasset-abc", "."]) == 1
    kept = (tmp_path / "tags").read_text().split()
    # Neither the base image, which existed, nor the image of another build at the same time.
    assert kept == ["cdkasset-abc", "sha256:cccccccccccc0003", "sha256:bbbbbbbbbbbb0002"]
    assert "Step 3/3 : RUN false" in capfd.readouterr().out


def test_images_are_removed_by_tag_first_and_then_from_the_last_step_on(asked: Path) -> None:
    remove_images(["cdkasset-abc", "sha256:1", "sha256:2", "registry/assets:abc", "cdkasset-abc"])
    assert asked.read_text().splitlines() == [
        "rmi cdkasset-abc", "rmi registry/assets:abc", "rmi sha256:2", "rmi sha256:1",
    ]  # fmt: skip
