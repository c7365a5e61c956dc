"""docs/operations.md keeps up with the stack: alarms, outputs, settings, and shell that parses."""

import re
import subprocess
from pathlib import Path

import pytest

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "operations.md").read_text()
ALARMS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^##|\Z)", PAGE, re.M | re.S))
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)


def test_every_alarm_has_its_section_and_no_section_is_left_over(synthesise):
    stack = synthesise(backfill=True)
    ids = {re.fullmatch(r"Monitoring(\w+)[0-9A-F]{8}", name)[1] for name in stack.resources("AWS::CloudWatch::Alarm")}
    assert set(ALARMS) == ids


@pytest.mark.parametrize("name", ALARMS)
def test_a_section_says_what_it_means_where_to_look_what_it_usually_is_and_the_cure(name):
    assert re.findall(r"^- \*\*([\w ]+)\*\*", ALARMS[name], re.M) == ["Means", "Look first", "Usually", "Cure"]


def test_outputs_that_commands_read_are_those_of_the_stack(synthesise):
    outputs = synthesise(auth="token").template["Outputs"]
    used = set(re.findall(r"\bout ([A-Z]\w+)", PAGE))
    assert used
    assert used <= set(outputs)


def test_functions_that_commands_name_are_found_by_their_logical_id(stack):
    used = set(re.findall(r"\$\(log_group (\w+)\)", PAGE)) | {"InferenceApi", "InferenceWorker"}
    for name in used:
        stack.one("AWS::Lambda::Function", name)


def test_settings_that_cures_name_exist(defaults):
    named = set(re.findall(r"`((?:alarm|api|worker|url_timeout)_\w+|memory_mb|batch_size)`", PAGE))
    assert "worker_max_concurrency" in named
    assert named <= set(defaults)


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_commands_are_shell(block):
    subprocess.run(["bash", "-n"], input=block, text=True, check=True)


def test_links_lead_to_sections_of_the_page():
    heads = {head.lower().replace(" ", "-") for head in re.findall(r"^#+ (.+)$", PAGE, re.M)}
    assert set(re.findall(r"\]\(#([\w-]+)\)", PAGE)) <= heads
