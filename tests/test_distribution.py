"""`pip install .` installs two packages, the files that their commands need, and a `pneumonia` that works alone."""

import json
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SECTION = re.compile(r"^## (?:\[([0-9.]+)\] - [0-9-]{10}|Unreleased)\n\n_API ([0-9.]+), model ([0-9.]+)\._$", re.M)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(out.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder like site-packages after the installation of the wheel."""
    folder = tmp_path_factory.mktemp("site packages")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(installed: Path, *arguments: str | Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Return the command of the wheel, to be run in a user's folder with modules of the same names."""
    elsewhere = installed / "elsewhere"
    elsewhere.mkdir(exist_ok=True)
    for name in ("json.py", "pneumonia.py", "typer.py"):
        (elsewhere / name).write_text("raise SystemExit('the wrong one')")
    module, _, function = PROJECT["project"]["scripts"]["pneumonia"].partition(":")
    script = f"import sys; from {module} import {function}; sys.exit({function}())"
    return subprocess.run(
        [sys.executable, "-P", "-c", script, *arguments],
        cwd=elsewhere,
        env={name: value for name, value in os.environ.items() if name != "MODEL_DIR"}
        | {"PYTHONPATH": str(installed)}
        | env,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_wheel_has_no_other_top_level_files(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    version = PROJECT["project"]["version"]
    assert {name.partition("/")[0] for name in names} == {
        "pneumonia",
        "pneumonia_cli",
        f"pneumonia_inference-{version}.dist-info",
    }


def test_help_and_usage_errors(installed: Path) -> None:
    helped = run(installed, "--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "Pneumonia triage" in helped.stdout
    refused = run(installed, "predict", "a  b")
    assert refused.returncode == 2
    assert "'a  b'" in refused.stderr


def test_predicts_with_the_model_in_the_wheel(installed: Path) -> None:
    ran = run(installed, "predict", ROOT / "samples" / "pneumonia-1.png", "--json")
    assert (ran.returncode, ran.stderr) == (0, "")
    card = json.loads((ROOT / "model_artifacts" / "card.json").read_text(encoding="utf-8"))
    assert json.loads(ran.stdout)["model"]["version"] == card["version"]


def test_a_bill_uses_the_prices_in_the_wheel(installed: Path) -> None:
    ran = run(installed, "bill", "--films", "10000", "--json")
    assert (ran.returncode, ran.stderr) == (0, "")
    assert json.loads(ran.stdout)["usd"]["total"] > 0


def test_the_packages_of_the_image_are_also_installed() -> None:
    lines = (ROOT / "lambda_src" / "requirements.in").read_text(encoding="utf-8").splitlines()
    wanted = {line for line in lines if line and not line.startswith("#")}
    assert wanted <= set(PROJECT["project"]["dependencies"]), "add it to the dependencies in pyproject.toml"


def test_the_locked_backend_builds() -> None:
    assert PROJECT["dependency-groups"]["build"] == PROJECT["build-system"]["requires"]


def test_the_newest_section_of_the_changelog_has_the_current_versions() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = SECTION.search(changes)
    assert newest is not None
    api = json.loads((ROOT / "lambda_src" / "pneumonia" / "http" / "openapi.json").read_text(encoding="utf-8"))
    model = json.loads((ROOT / "model_artifacts" / "card.json").read_text(encoding="utf-8"))
    assert newest.groups()[1:] == (api["info"]["version"], model["version"]), (
        "A new model or a new version of the API needs a section in CHANGELOG.md that names both: Unreleased, or "
        "the section of the version in pyproject.toml."
    )
    released = re.search(r"^## \[([0-9.]+)\]", changes, re.M)
    assert released is not None
    assert released[1] == PROJECT["project"]["version"]
