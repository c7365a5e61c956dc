import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def command(tmp_path: Path) -> Path:
    """A tree like this one, in a folder with a space, with the command in its .venv as make puts it."""
    tree = tmp_path / "a tree"
    (tree / ".venv" / "bin").mkdir(parents=True)
    for name in ("infra", "lambda_src", "pneumonia_cli"):
        (tree / name).symlink_to(ROOT / name)
    python = tree / ".venv" / "bin" / "python"
    # Not a link: Python would look for its libraries beside it.
    python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return Path(shutil.copy(ROOT / "pneumonia_cli" / "client" / "launcher.sh", tree / ".venv" / "bin" / "pneumonia"))


def test_runs_from_anywhere_and_imports_nothing_from_there(command: Path, tmp_path: Path) -> None:
    link = tmp_path / "pneumonia"
    link.symlink_to(command)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("json.py", "pneumonia_cli.py", "typer.py"):
        (elsewhere / name).write_text("raise SystemExit('the wrong one')")
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    for path in (command, link):
        run = subprocess.run([path, "--help"], cwd=elsewhere, env=env, capture_output=True, text=True, check=False)
        assert (run.returncode, run.stderr) == (0, "")
        assert "Pneumonia triage" in run.stdout


def test_arguments_and_exit_codes_come_through(command: Path, tmp_path: Path) -> None:
    run = subprocess.run([command, "predict", "a  b"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "'a  b'" in run.stderr
