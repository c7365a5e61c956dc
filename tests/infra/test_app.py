"""app.py as the CDK command line runs it: a separate process, with the context in the environment."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.image import REPOSITORY_ROOT


def run_app(tmp_path: Path, **context: str) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Run app.py with the context that `cdk -c` would pass. Return (completed process, output folder)."""
    outdir = tmp_path / "cdk.out"
    passed = context | {"aws:cdk:disable-asset-staging": True}
    environment = os.environ | {"CDK_OUTDIR": str(outdir), "CDK_CONTEXT_JSON": json.dumps(passed)}
    program = [sys.executable, str(REPOSITORY_ROOT / "app.py")]
    completed = subprocess.run(program, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    return completed, outdir


@pytest.mark.slow
def test_command_line_wins_over_the_defaults(tmp_path: Path) -> None:
    completed, outdir = run_app(tmp_path, stack_name="Ward3", memory_mb="2048", api_reserved_concurrency="3")
    assert completed.returncode == 0, completed.stderr
    template = json.loads((outdir / "Ward3.template.json").read_text())
    functions = [
        resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function" and resource["Properties"].get("PackageType") == "Image"
    ]
    functions = [function for function in functions if "release_check" not in str(function["ImageConfig"])]
    assert [function["MemorySize"] for function in functions] == [2048, 2048]
    assert [function.get("ReservedConcurrentExecutions") for function in functions] == [3, None]


def test_bad_setting_ends_with_a_message_and_no_traceback(tmp_path: Path) -> None:
    completed, outdir = run_app(tmp_path, auth="open")
    assert completed.returncode == 1
    assert completed.stderr.strip() == "Setting 'auth' is \"open\", but must be one of iam, token, none."
    assert not list(outdir.glob("*.template.json"))
