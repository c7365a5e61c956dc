"""The image asset: its platform, its build arguments, and what its hash depends on."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest

from infra.image import DOCKERFILE, REPOSITORY_ROOT, InferenceImage
from pneumonia_cli.stack.context import default_context, settings_of
from tests.infra.conftest import Json, Synthesise, Synthesised

# Stand-ins for files in the image, and for files next to it.
IN_THE_IMAGE = [
    "lambda_src/pneumonia/handlers/api.py",
    "lambda_src/requirements.txt",
    "model_artifacts/MODEL_CARD.md",
    "model_artifacts/card.json",
    "model_artifacts/member.onnx",
    "tools/trim_library.py",
]
BESIDE_IT = [
    "README.md",
    "app.py",
    "cdk.json",
    "docs/architecture.md",
    "infra/stack.py",
    "lambda_src/pneumonia/__pycache__/api.cpython-313.pyc",
    "pneumonia_cli/local/demo.py",
    "requirements-dev.txt",
    "samples/one.png",
    "tests/unit/handlers/test_api.py",
    "training/train.py",
]


Tree = Callable[..., Path]
Stage = Callable[..., tuple[str, set[str]]]


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    """Call to create a small repository: the real Dockerfile and .dockerignore, stand-ins for the rest."""

    def make(name: str, changed: str | None = None) -> Path:
        root = tmp_path / name
        for path in IN_THE_IMAGE:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text("changed" if path == changed else path)
        for path in (".dockerignore", DOCKERFILE):
            shutil.copy(REPOSITORY_ROOT / path, root / path)
        return root

    return make


@pytest.fixture
def stage(defaults: Json, tmp_path: Path) -> Stage:
    """Call to stage the asset of a directory; returns (hash, names of the staged files)."""

    def make(directory: Path, **overrides: Any) -> tuple[str, set[str]]:
        app = cdk.App(outdir=str(tmp_path / f"{directory.name}.out"), analytics_reporting=False)
        settings = settings_of(defaults | overrides)
        stack = cdk.Stack(app, "Stack")
        image = InferenceImage(stack, "Image", settings=settings, directory=directory)
        staged = tmp_path / f"{directory.name}.out" / f"asset.{image.asset.asset_hash}"
        files = {str(file.relative_to(staged)) for file in staged.rglob("*") if file.is_file()}
        return image.asset.asset_hash, files

    return make


def test_only_the_handlers_their_dependencies_and_the_model_are_staged(tree: Tree, stage: Stage) -> None:
    root = tree("full")
    for path in BESIDE_IT:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(path)
    _, files = stage(root)
    assert files == {*IN_THE_IMAGE, DOCKERFILE, ".dockerignore"}


@pytest.mark.parametrize("path", BESIDE_IT)
def test_hash_ignores_what_is_not_in_the_image(tree: Tree, stage: Stage, path: str) -> None:
    plain, fuller = tree("plain"), tree("fuller")
    (fuller / path).parent.mkdir(parents=True, exist_ok=True)
    (fuller / path).write_text("anything")
    assert stage(fuller)[0] == stage(plain)[0]


@pytest.mark.parametrize("path", IN_THE_IMAGE)
def test_hash_follows_what_is_in_the_image(tree: Tree, stage: Stage, path: str) -> None:
    assert stage(tree("changed", changed=path))[0] != stage(tree("plain"))[0]


def test_hash_follows_the_base_image_but_not_the_build_network(tree: Tree, stage: Stage) -> None:
    plain = stage(tree("plain"))[0]
    assert stage(tree("network"), docker_build_network="host")[0] == plain
    assert stage(tree("base"), base_image="example.org/python:3.13")[0] != plain


def test_one_image_is_built_with_the_defaults_of_the_settings(stack: Synthesised) -> None:
    assert stack.images == [
        {
            "directory": str(REPOSITORY_ROOT),
            "dockerFile": DOCKERFILE,
            "dockerBuildArgs": {"BASE_IMAGE": default_context()["base_image"]},
            "networkMode": "default",
            "platform": "linux/amd64",
        }
    ]


def test_build_settings_reach_the_image(synthesise: Synthesise) -> None:
    (image,) = synthesise(
        architecture="arm64", base_image="example.org/python:3.13", docker_build_network="host"
    ).images
    assert image["platform"] == "linux/arm64"
    assert image["dockerBuildArgs"] == {"BASE_IMAGE": "example.org/python:3.13"}
    assert image["networkMode"] == "host"


def test_the_modules_that_optimise_the_graphs_are_copied_before(tmp_path: Path) -> None:
    """A build step imports a few modules, which are copied before the rest of the package."""
    before, _, _ = (
        (REPOSITORY_ROOT / DOCKERFILE)
        .read_text(encoding="utf-8")
        .replace("\\\n", " ")
        .partition("pneumonia.model.optimise")
    )
    copied = [words[1:-1] for line in before.splitlines() if (words := line.split())[:1] == ["COPY"]]
    package = "lambda_src/pneumonia/"
    sources = [source for words in copied for source in words if source.startswith(package) and source.endswith(".py")]
    assert sources
    for source in sources:
        target = tmp_path / Path(source).relative_to("lambda_src")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(REPOSITORY_ROOT / source, target)
    command = [sys.executable, "-c", "import pneumonia.model.optimise"]
    done = subprocess.run(command, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, f"The Dockerfile lacks a COPY before it optimises: {done.stderr.splitlines()[-1]}"
