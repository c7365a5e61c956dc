"""Tests of workflow inputs: the CDK gets them word by word, and no shell or make evaluates them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.workflows.test_workflows import JOBS, ROOT, steps

HOSTILE = [
    "; touch pwned",
    "$(touch pwned)",
    "`touch pwned`",
    "$(shell touch pwned)",
    "| touch pwned",
    "&& touch pwned",
]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return a folder with an npx that only records its arguments."""
    npx = tmp_path / "bin" / "npx"
    npx.parent.mkdir()
    asked = str(tmp_path / "asked")
    npx.write_text(f"#!{sys.executable}\nimport json, sys\nopen({asked!r}, 'w').write(json.dumps(sys.argv[1:]))\n")
    npx.chmod(0o755)
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text(encoding="utf-8"))
    stamp = tmp_path / ".venv-dev" / ".stamp"
    stamp.parent.mkdir()
    (tmp_path / "requirements-dev.txt").touch()
    stamp.touch()
    looks(tmp_path, "exit 0")
    return tmp_path


def looks(place: Path, ending: str) -> None:
    """Replace tools.before_deploy by a script that records its arguments and then runs ``ending``."""
    python = place / ".venv-dev" / "bin" / "python"
    python.parent.mkdir(exist_ok=True)
    python.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {place}/looked\n{ending}\n')
    python.chmod(0o755)


def run(place: Path, job: str, **env: str) -> list[str]:
    """Return the arguments that npx gets from the CDK step of a job. ``env``: variables set from the job's inputs."""
    (script,) = [
        step["run"] for step in steps(JOBS[job]) if step.get("run", "").split()[1:2] in (["deploy"], ["destroy"])
    ]
    given = {"PATH": f"{place / 'bin'}{os.pathsep}{os.environ['PATH']}", **env}
    subprocess.run(["bash", "-e", "-c", script], cwd=place, env=given, check=False, capture_output=True, timeout=60)
    words: list[str] = json.loads((place / "asked").read_text()) if (place / "asked").exists() else []
    return words


def names(job: str) -> tuple[str, str]:
    """Return the variables of a job that hold the stack's name and the further arguments."""
    env: dict[str, Any] = JOBS[job]["env"]
    (stack,) = [name for name in ("STACK_NAME", "STACK") if name in env][:1]
    return stack, "CDK_ARGS"


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("job", ["deploy.yml:deploy", "preview.yml:destroy"])
def test_no_part_of_an_input_is_executed(place: Path, job: str, hostile: str) -> None:
    stack, arguments = names(job)
    words = run(place, job, **{stack: f"Ward{hostile}", arguments: f"-c alarm_email=a@example.org {hostile}"})
    assert not (place / "pwned").exists()
    assert f"stack_name=Ward{hostile}" in words
    assert words[words.index("alarm_email=a@example.org") + 1 :] == hostile.split()


@pytest.mark.parametrize("job", ["deploy.yml:deploy", "preview.yml:destroy"])
def test_quotes_keep_words_together(place: Path, job: str) -> None:
    stack, arguments = names(job)
    given = """-c 'cors_origins=["https://viewer.example.org"]' -c "dashboard=a b" """
    words = run(place, job, **{stack: "Ward", arguments: given})
    assert words[-4:] == ["-c", 'cors_origins=["https://viewer.example.org"]', "-c", "dashboard=a b"]
    assert words[words.index("stack_name=Ward") - 1] == "-c"


def test_the_cdk_is_called_without_further_arguments(place: Path) -> None:
    stack, arguments = names("deploy.yml:deploy")
    words = run(place, "deploy.yml:deploy", **{stack: "Ward", arguments: " "})
    assert words[2:] == ["deploy", "-c", "stack_name=Ward", "--require-approval=never"]


def test_the_check_before_a_deployment_gets_the_same_arguments_and_can_stop_it(place: Path) -> None:
    stack, arguments = names("deploy.yml:deploy")
    given = {stack: "Ward", arguments: "-c 'dashboard=a b'"}
    assert run(place, "deploy.yml:deploy", **given)[-2:] == ["-c", "dashboard=a b"]
    looked = (place / "looked").read_text().splitlines()
    assert looked[:2] == ["-m", "tools.before_deploy"]
    assert looked[2:] == ["-c", "stack_name=Ward", "--require-approval=never", "-c", "dashboard=a b"]
    (place / "asked").unlink()
    looks(place, "exit 1")
    assert run(place, "deploy.yml:deploy", **given) == []
