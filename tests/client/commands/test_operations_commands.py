"""Run every command of docs/operations.md as written, against the local cloud, except for those listed here.

Some of the exceptions need a deployed stack. `make rehearse` runs those (rehearsal/operating.py).
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pneumonia.http import token_secret
from pneumonia.http.token_secret import digest_of
from pneumonia.uploads.ids import new_id
from pneumonia_cli.local.access import create_token
from pneumonia_cli.local.names import TOKEN_SECRET
from tests.client.conftest import Stack

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
UPLOADS, RESULTS = "pneumonia-uploads", "pneumonia-results"

# First words of a block -> why it is not run here.
_AWS_CLI = "the AWS CLI is no part of the project's environments, and the local cloud keeps no logs and metrics"
NOT_RUN_HERE = {
    "aws logs": _AWS_CLI,
    "aws cloudwatch": _AWS_CLI,
    "out DashboardUrl": _AWS_CLI,
    "npx --yes aws-cdk": "deploys, compares and destroys a stack: make rehearse does all of it, on no account",
    "make test": "runs this very test",
    "pneumonia rollback": (
        "moves aliases of deployed functions, which the local cloud does not have: make rehearse does it, and "
        "tests/client/operating/test_rollback.py in moto"
    ),
    'pneumonia bill --stack "$STACK"': (
        "reads a deployed stack's functions and their metrics, which the local cloud does not have: make rehearse "
        "does it, and tests/client/operating/test_bill.py plays them"
    ),
}


@dataclass(frozen=True)
class Block:
    section: str
    text: str

    @property
    def reason(self) -> str | None:
        """The reason why the block is not run here."""
        return next((why for start, why in NOT_RUN_HERE.items() if self.text.startswith(start)), None)

    def __str__(self) -> str:
        return f"{self.section}: {self.text.splitlines()[0]}"


def blocks() -> list[Block]:
    found, section = [], ""
    for head, text in re.findall(r"^##+ ([^\n]+)$|^```sh\n(.*?)^```", PAGE, re.M | re.S):
        section = head or section
        if text:
            found.append(Block(section or "Operations", text))
    return found


RUN_HERE = [block for block in blocks() if block.reason is None]


def test_every_reason_is_used() -> None:
    for start in NOT_RUN_HERE:
        assert any(block.text.startswith(start) for block in blocks()), f"nothing on the page begins with {start!r}"


def test_blocks_that_are_left_out_hold_nothing_that_could_be_run() -> None:
    for block in blocks():
        if block.reason is not None and not block.text.startswith(("pneumonia bill", "pneumonia rollback")):
            assert "pneumonia " not in block.text


@pytest.fixture
def shell(stack: Stack, tmp_path: Path) -> Callable[[str], str]:
    """Run a block in a new bash that ends at the first failure, and return its standard output."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "pneumonia").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m pneumonia_cli "$@"\n')
    (tools / "pneumonia").chmod(0o755)
    env = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(ROOT / "lambda_src"), str(ROOT)]),
        "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}",
        "STACK": "local",
        "PNEUMONIA_URL": stack.url,
        "AWS_ENDPOINT_URL": stack.cloud.endpoint_url,
        "COLUMNS": "100",
    }

    def run(text: str) -> str:
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", text], cwd=ROOT, env=env, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.fixture
def service(stack: Stack, image_bytes: Any) -> Stack:
    """A service with a token, two images of one patient and one of another, all with results, and one dead letter."""
    create_token()
    for key in ("ward-3/image-17.png", "ward-3/image-18.png", "ward 3/image 1.png", f"api/{new_id(1e9)}"):
        stack.cloud.s3.put_object(Bucket=UPLOADS, Key=key, Body=image_bytes(200))
    work_off(stack)
    return stack


def work_off(stack: Stack) -> None:
    while stack.poller.poll():
        pass


def keys(stack: Stack, bucket: str) -> list[str]:
    pages = stack.cloud.s3.list_object_versions(Bucket=bucket)
    return [entry["Key"] for entry in [*pages.get("Versions", []), *pages.get("DeleteMarkers", [])]]


def test_the_first_block_only_sets_names(shell: Callable[[str], str]) -> None:
    assert shell(blocks()[0].text + 'echo "$STACK"; type -t out function_name log_group').split() == [
        "PneumoniaInference",
        *["function"] * 3,
    ]


def of_section(name: str) -> list[str]:
    return [block.text for block in RUN_HERE if block.section == name]


def test_status(service: Stack, shell: Callable[[str], str]) -> None:
    (first_look,) = [block.text for block in RUN_HERE if block.text.startswith("pneumonia status")]
    assert re.search(r"Waiting uploads\s+0\b", shell(first_look))


@pytest.mark.slow
def test_rotate_the_token(service: Stack, shell: Callable[[str], str]) -> None:
    (before,) = token_secret.read_tokens(TOKEN_SECRET)
    rotate, revoke = of_section("Rotate the token")
    shown = shell(rotate).split()[-1]
    assert [known.digest for known in token_secret.read_tokens(TOKEN_SECRET)] == [digest_of(shown), before.digest]
    last = shell(revoke).split()[-1]
    valid = [known.digest for known in token_secret.read_tokens(TOKEN_SECRET)]
    assert valid[0] == digest_of(last)
    assert not {digest_of(shown), before.digest} & set(valid)


def test_redrive(service: Stack, shell: Callable[[str], str]) -> None:
    service.cloud.sqs.send_message(
        QueueUrl=service.cloud.dead_letter_queue_url, MessageBody='{"Event": "s3:TestEvent"}'
    )
    (block,) = of_section("Redrive")
    assert "Moved 1 messages back to the queue" in shell(block)
    assert service.cloud.dead_letters() == 0


@pytest.mark.slow
def test_replay_a_day(service: Stack, shell: Callable[[str], str]) -> None:
    service.cloud.s3.delete_object(Bucket=RESULTS, Key="ward-3/image-17.png.json")
    (block,) = of_section("Replay a day")
    told = shell(block)
    assert "1 images of" in told
    assert "1 images are in the queue" in told
    work_off(service)
    assert "ward-3/image-17.png.json" in keys(service, RESULTS)


@pytest.mark.slow
def test_purge_a_patients_data(service: Stack, shell: Callable[[str], str]) -> None:
    (block,) = of_section("Purge a patient's data")
    told = shell(block)
    assert "ward-3/image-17.png.heatmap.png" in told
    left = keys(service, UPLOADS) + keys(service, RESULTS)
    assert not [key for key in left if key.startswith(("ward-3/image-17", "ward 3/"))]
    assert "ward-3/image-18.png.json" in left


def test_upgrade_the_model(service: Stack, shell: Callable[[str], str]) -> None:
    (block,) = of_section("Upgrade the model")
    # The gate of the tests' tiny model refuses the sample, so the command adds force. Nothing else is changed.
    answer = json.loads(shell(block.replace("--json", "--json --force")))
    assert answer["model"]["version"] == "0.0.1"


def test_estimate_the_bill(shell: Callable[[str], str]) -> None:
    (block,) = of_section("Estimate the bill")
    assert re.search(r"total\s+\d+\.\d\d\b", shell(block))


def test_every_block_that_can_be_run_is_run_by_a_test_of_its_section() -> None:
    tested = {
        "Operations": 2, "Rotate the token": 2, "Redrive": 1, "Replay a day": 1, "Purge a patient's data": 1,
        "Upgrade the model": 1, "Estimate the bill": 1,
    }  # fmt: skip
    found: dict[str, int] = {}
    for block in RUN_HERE:
        found[block.section] = found.get(block.section, 0) + 1
    assert found == tested


@pytest.mark.parametrize("observability", ["essential", "full"])
def test_figures_of_an_idle_stack_are_those_of_the_command(pneumonia: Any, tmp_path: Path, observability: str) -> None:
    document = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))
    document["context"]["observability"] = observability
    settings = tmp_path / "cdk.json"
    settings.write_text(json.dumps(document), encoding="utf-8")

    def bill(films: int) -> Any:
        return json.loads(pneumonia("bill", "--films", str(films), "--settings", settings, "--json").out)

    section = PAGE.split("## Estimate the bill")[1].split("\n## ")[0]
    idle, busy = bill(0), bill(100_000)["usd"]
    figures = [idle["usd"][name] for name in ("dashboard_hours", "alarm_hours", "queue_messages", "total")]
    # The most in a month: for one function, and for both.
    figures += [idle["usd_beyond_free"], busy["metric_hours"], 2 * busy["metric_hours"]]
    for figure in filter(None, figures):
        assert f"{figure:.2f} USD" in section
