"""Commands that `make newcomer` cannot run, because they need AWS, use existing options, settings and targets."""

import contextlib
import io
import json
import re
import shlex
from pathlib import Path

import pytest

from pneumonia_cli.client.commands.main import main
from tests.newcomer import commands
from tests.newcomer.commands import ROOT, Command

ALL = [command for page in commands.pages() for command in commands.commands(page)]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
SETTINGS = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]


def words(command: Command) -> list[str]:
    return shlex.split(command.text, comments=True)


def test_commands_are_found_in_order() -> None:
    assert [command.text.split()[0] for command in commands.commands(ROOT / "README.md")][:2] == ["git", "make"]
    assert {command.page.name for command in ALL} >= {"README.md", "cli.md", "deploy.md", "operations.md"}


def test_a_block_is_split_where_a_command_ends() -> None:
    block = ["f() {", "  echo a", "}", "", "echo b \\", "  c", "echo d   # e"]
    assert list(commands.split(block)) == ["f() {\n  echo a\n}", "echo b \\\n  c", "echo d   # e"]
    with pytest.raises(ValueError, match="bash does not understand"):
        list(commands.split(["echo 'a"]))


def test_only_the_input_of_a_session_is_used() -> None:
    document = "text\n```console\n$ a b\nanswer\n$ c\n```\n```json\n{}\n```\n"
    assert list(commands.fences(document)) == [(2, "console", ["$ a b", "answer", "$ c"]), (7, "json", ["{}"])]
    assert commands.prompted(["$ a b", "answer", "$ c"]) == ["a b", "c"]


def test_commands_that_other_checks_run_exist() -> None:
    for start in commands.ELSEWHERE:
        assert any(f"{command.text} ".startswith(start) for command in ALL), f"no page has {start!r}"


@pytest.mark.parametrize("command", [c for c in ALL if re.match(r"(\w+=\S+ )*pneumonia ", c.text)], ids=str)
def test_the_command_line_has_the_command_and_its_options(command: Command) -> None:
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        # --help ignores the arguments after it, and the arguments before it must exist.
        code = main([*words(command)[words(command).index("pneumonia") + 1 :], "--help"])
    assert code == 0, out.getvalue()
    assert "Usage: pneumonia" in re.sub(r"\x1b\[[0-9;]*m", "", out.getvalue())


@pytest.mark.parametrize("command", [c for c in ALL if re.match(r"(\w+=\S+ )?make ", c.text)], ids=str)
def test_the_makefile_has_the_target(command: Command) -> None:
    for part in command.text.partition("#")[0].split("&&"):
        target = shlex.split(part)[1 + ("=" in shlex.split(part)[0])]
        assert part.split()[0] not in ("make",) or re.search(rf"^{re.escape(target)}:", MAKEFILE, re.M), target


@pytest.mark.parametrize("command", [c for c in ALL if "aws-cdk@" in c.text or "-c " in c.text], ids=str)
def test_the_cdk_version_and_settings_exist(command: Command) -> None:
    for version in re.findall(r"aws-cdk@[\d.]+", command.text):
        assert version in MAKEFILE
    for setting in re.findall(r"(?:^|[\s\"])-c (\w+)=", command.text):
        assert setting in SETTINGS


def test_files_that_commands_name_exist() -> None:
    for command in ALL:
        for path in re.findall(r"(?:samples|tests|docs|deploy)/[\w./-]*\w\.\w+", command.text):
            assert Path(ROOT / path).exists(), command
