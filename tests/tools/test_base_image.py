import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from pneumonia_cli.stack.context import default_context, settings_of
from tools import base_image
from tools.base_image import CDK_JSON

ROOT = Path(__file__).parents[2]
OLD, NEW = "sha256:" + "a" * 64, "sha256:" + "b" * 64
Registry = Callable[..., Path]


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Registry:
    """Create a docker command that prints a digest and records its arguments: registry(answer, code)."""

    def answers(answer: str, code: int = 0) -> Path:
        docker = tmp_path / "docker"
        asked = tmp_path / "asked"
        docker.write_text(f'#!/bin/sh\necho "$@" > {asked}\necho "{answer}"\nexit {code}\n')
        docker.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
        return asked

    return answers


@pytest.fixture
def cdk_json(tmp_path: Path) -> Path:
    path = tmp_path / "cdk.json"
    text = CDK_JSON.read_text(encoding="utf-8")
    image = default_context()["base_image"]
    path.write_text(text.replace(image, image.partition("@")[0]), encoding="utf-8")
    return path


def test_the_tag_gets_its_digest_and_is_renewed(
    registry: Registry, cdk_json: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = json.loads(cdk_json.read_text())
    tag = before["context"]["base_image"]
    asked = registry(OLD)
    assert base_image.main([], cdk_json) == 0
    assert asked.read_text() == f"buildx imagetools inspect {tag} --format {{{{.Manifest.Digest}}}}\n"
    assert f"{tag}@{OLD}" in capsys.readouterr().out
    after = json.loads(cdk_json.read_text())
    assert after == {**before, "context": {**before["context"], "base_image": f"{tag}@{OLD}"}}
    assert settings_of(after["context"]).base_image == f"{tag}@{OLD}"
    registry(NEW)
    assert base_image.main(["--if-unpinned"], cdk_json) == 0
    assert json.loads(cdk_json.read_text()) == after
    assert base_image.main([], cdk_json) == 0
    assert json.loads(cdk_json.read_text())["context"]["base_image"] == f"{tag}@{NEW}"


@pytest.mark.parametrize(("answer", "code"), [("", 0), ("sha256:short", 0), (OLD, 1), ("unauthorized", 1)])
def test_nothing_changes_without_a_digest(registry: Registry, cdk_json: Path, answer: str, code: int) -> None:
    before = cdk_json.read_text()
    registry(answer, code)
    assert base_image.main([], cdk_json) == 1
    assert cdk_json.read_text() == before


def test_without_docker(cdk_json: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert base_image.main([], cdk_json) == 1


def test_every_file_names_the_same_image() -> None:
    tag = default_context()["base_image"].partition("@")[0]
    named = {
        file: re.search(r"^(?:ARG )?BASE_IMAGE ?\??= ?(\S+)", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE)
        for file in ("Makefile", "lambda_src/Dockerfile", "bench/origin.Dockerfile")
    }
    assert {file: found and found[1].partition("@")[0] for file, found in named.items()} == dict.fromkeys(named, tag)
