"""If the machine lacks something, one line says so before the rehearsal starts."""

from pathlib import Path

import pytest

from rehearsal import __main__ as rehearsal
from rehearsal.needs import missing


def commands(folder: Path, **scripts: str) -> None:
    for name, script in scripts.items():
        command = folder / name.replace("_", "-")
        command.write_text(f"#!/bin/sh\n{script}\n")
        command.chmod(0o755)


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of the PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def test_a_complete_machine_lacks_nothing(bin_folder: Path) -> None:
    commands(bin_folder, git="", docker="echo 27.0", docker_registry="")
    assert missing() is None


@pytest.mark.parametrize(
    ("there", "said"),
    [
        ({}, "A rehearsal needs the command git"),
        ({"git": ""}, "A rehearsal needs the command docker, which is not on the PATH."),
        ({"git": "", "docker": ""}, "On Debian and Ubuntu: apt install docker-registry"),
        (
            {"git": "", "docker": "echo Cannot connect to the daemon >&2; exit 1", "docker_registry": ""},
            "its engine does not respond. Start it first. (docker info",
        ),
    ],
)
def test_a_missing_requirement_is_reported_in_one_line(
    bin_folder: Path, capsys: pytest.CaptureFixture[str], there: dict[str, str], said: str
) -> None:
    commands(bin_folder, **there)
    assert rehearsal.main(["--cdk", "aws-cdk@2"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert said in printed.err
    assert printed.err.count("\n") == 1
