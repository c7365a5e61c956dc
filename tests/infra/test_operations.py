"""docs/operations.md agrees with the stack: alarms, outputs and settings. Its shell commands parse."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.infra.conftest import Json, Synthesise, Synthesised

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text()
ALARMS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", PAGE, re.M | re.S))
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)


def test_every_alarm_has_a_section_and_every_section_an_alarm(synthesise: Synthesise) -> None:
    stack = synthesise(backfill=True, observability="full")
    alarms = stack.resources("AWS::CloudWatch::Alarm")
    ids = {re.sub(r"^Monitoring(\w+)[0-9A-F]{8}$", r"\1", name) for name in alarms}
    assert set(ALARMS) == ids, "give each alarm a section of its name under '## Alarms' in docs/operations.md"


@pytest.mark.parametrize("name", ALARMS)
def test_each_section_has_the_four_points(name: str) -> None:
    points = re.findall(r"^- \*\*([\w ]+)\*\*", ALARMS[name], re.M)
    assert points == ["Means", "Look first", "Usually", "Fix"], (
        f"give ### {name} in docs/operations.md these four points"
    )


def test_outputs_that_commands_read_are_those_of_the_stack(synthesise: Synthesise) -> None:
    outputs = synthesise(auth="token", observability="full").template["Outputs"]
    used = set(re.findall(r"\bout ([A-Z]\w+)", PAGE))
    assert used
    assert used <= set(outputs)


def test_functions_that_commands_name_are_found_by_their_logical_id(stack: Synthesised) -> None:
    used = set(re.findall(r"\$\(log_group (\w+)\)", PAGE)) | {"InferenceApi", "InferenceWorker"}
    for name in used:
        stack.one("AWS::Lambda::Function", name)


def test_settings_named_in_fixes_exist(defaults: Json) -> None:
    named = set(re.findall(r"`((?:alarm|api|worker|url_timeout)_\w+|memory_mb|batch_size)`", PAGE))
    assert "worker_max_concurrency" in named
    assert named <= set(defaults)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_commands_are_shell(block: str) -> None:
    subprocess.run(["bash", "-n"], input=block, text=True, check=True)


def test_links_lead_to_sections_of_the_page() -> None:
    heads = {head.lower().replace(" ", "-") for head in re.findall(r"^#+ (.+)$", PAGE, re.M)}
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) <= heads
