"""Install the output of `make dist` as pipx does, into a new environment outside the repository, which needs no network
afterwards."""

import contextlib
import json
import os
import subprocess
import sys
import tarfile
import tomllib
import urllib.request
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.serving import introduction

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
CARD: dict[str, Any] = json.loads((ROOT / "model_artifacts" / "card.json").read_text(encoding="utf-8"))

# Nothing listens at this address, so every request to another machine fails.
NO_NETWORK = {
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9"),
    **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost,.localhost"),
}


def outside() -> dict[str, str]:
    """Return the environment of a user without this repository, on a machine without a network."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG", "TMPDIR")}
    return kept | NO_NETWORK | {"PYTHONUNBUFFERED": "1"}


def build(tree: Path, out: Path, *arguments: str) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "--directory", str(out), *arguments]
    subprocess.run(command, cwd=tree, check=True, capture_output=True)


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output folder of `make dist`."""
    out = tmp_path_factory.mktemp("dist")
    build(ROOT, out)
    return out


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (found,) = dist.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin folder of a new environment with the wheel, installed from packages that were fetched before. Skips the
    test if they cannot be fetched."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    programs = folder / "bin"
    pip: list[str | Path] = [programs / "python", "-m", "pip", "--disable-pip-version-check", "--quiet"]
    packages = folder / "packages"
    fetch = [*pip, "wheel", "--wheel-dir", packages, wheel]
    done = subprocess.run(fetch, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode and "connection" in done.stderr.lower():
        pytest.skip("packages cannot be fetched here")
    assert done.returncode == 0, done.stderr
    install = [*pip, "install", "--no-index", f"--find-links={packages}", "pneumonia-inference"]
    subprocess.run(install, cwd=folder, env=outside(), check=True, capture_output=True)
    return programs


def run(environment: Path, folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [environment / "pneumonia", *arguments]
    return subprocess.run(command, cwd=folder, env=outside(), capture_output=True, text=True, timeout=120, check=False)


def test_the_wheel_has_licence_notice_and_model_and_no_tests(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    info = f"pneumonia_inference-{VERSION}.dist-info"
    model = "pneumonia_cli/bundled_files/model_artifacts"
    wanted = {f"{info}/licenses/LICENSE", f"{info}/licenses/NOTICE", f"{model}/card.json", f"{model}/MODEL_CARD.md"}
    assert wanted | {f"{model}/{member['file']}" for member in CARD["members"]} <= names
    assert not [name for name in names if {"tests", "training", "infra"} & set(Path(name).parts)]


def test_the_sdist_has_the_sources_of_the_wheel_and_no_tests(dist: Path, wheel: Path, tmp_path: Path) -> None:
    (sdist,) = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (tree,) = tmp_path.iterdir()
    assert not {"tests", "training", "infra"} & {path.name for path in tree.iterdir()}
    build(tree, tmp_path, "--target", "wheel")
    (again,) = tmp_path.glob("*.whl")
    assert sorted(zipfile.ZipFile(again).namelist()) == sorted(zipfile.ZipFile(wheel).namelist())


def test_it_says_its_version(environment: Path, tmp_path: Path) -> None:
    said = run(environment, tmp_path, "--version")
    assert (said.returncode, said.stderr) == (0, "")
    assert VERSION in said.stdout
    assert CARD["version"] in said.stdout


def test_it_predicts(environment: Path, tmp_path: Path) -> None:
    said = run(environment, tmp_path, "predict", ROOT / "samples" / "pneumonia-1.png", "--json")
    assert (said.returncode, said.stderr) == (0, "")
    assert json.loads(said.stdout)["label"] == "pneumonia"


@contextlib.contextmanager
def serving(environment: Path, folder: Path) -> Iterator[dict[str, str]]:
    command: list[str | Path] = [environment / "pneumonia", "serve", "--port", "0", "--s3-port", "0"]
    process = subprocess.Popen(
        command, cwd=folder, env=outside(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield introduction(process)
    finally:
        process.terminate()
        process.communicate(timeout=60)


def test_it_serves_the_page_and_the_api(environment: Path, tmp_path: Path) -> None:
    with serving(environment, tmp_path) as facts:
        url = facts["Function URL"]
        image = (ROOT / "samples" / "pneumonia-1.png").read_bytes()
        request = urllib.request.Request(f"{url}/predict", image, {"Content-Type": "image/png"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert json.load(answer)["label"] == "pneumonia"
        for path in ("/", "/docs", "/model-card"):
            with urllib.request.urlopen(f"{url}{path}", timeout=60) as page:
                assert page.read(15) == b"<!doctype html>"
