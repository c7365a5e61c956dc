import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tools import audit

SOUND = {"name": "numpy", "version": "2.4.6", "vulns": []}
BAD = {"name": "pillow", "version": "9.0.0", "vulns": [{"id": "PYSEC-2022-10", "fix_versions": ["9.0.1"]}]}
SILENT = {"name": "boto3", "skip_reason": "Dependency not found"}


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Set the output of pip-audit."""

    def say(*packages: dict[str, Any], text: str | None = None) -> None:
        output = json.dumps({"dependencies": packages, "fixes": []}) if text is None else text
        monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, 0, output, ""))

    return say


@pytest.mark.parametrize(
    ("packages", "code", "strict_code"),
    [
        ([SOUND], 0, 0),
        ([SOUND, BAD], 1, 1),
        ([SOUND, SILENT], 0, 2),
        ([BAD, SILENT], 1, 1),
    ],
)
def test_a_known_vulnerability_fails_and_silence_does_so_when_strict(
    answer: Any, packages: list[dict[str, Any]], code: int, strict_code: int
) -> None:
    answer(*packages)
    assert audit.main([]) == code
    assert audit.main(["--strict"]) == strict_code


def test_known_vulnerabilities_are_named(answer: Any, capsys: pytest.CaptureFixture[str]) -> None:
    answer(SOUND, BAD, SILENT)
    audit.main([])
    output = capsys.readouterr().out
    assert "VULNERABLE lambda_src/requirements.txt: pillow 9.0.0: PYSEC-2022-10" in output
    assert "no answer about 1 packages (boto3)" in output


def test_an_unavailable_database_is_reported(answer: Any, capsys: pytest.CaptureFixture[str]) -> None:
    answer(text="")
    assert audit.main([]) == 0
    assert audit.main(["--strict"]) == 2
    assert "SKIPPED lambda_src/requirements.txt: the database" in capsys.readouterr().out


def test_every_lock_exists() -> None:
    assert all((audit.ROOT / lock).is_file() for lock in audit.LOCKS)
    assert Path(audit.LOCKS[0]).parent.name == "lambda_src"
