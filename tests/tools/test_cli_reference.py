import shlex
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from pneumonia_cli.client.commands.app import app
from tools import cli_reference
from tools.cli_reference import Command, commands

DOCS = Path(__file__).parents[2] / "docs"
COMMANDS = {command.name: command for command in commands()}


def parsed(line: str) -> str:
    """Return the name of the command in a line, as the command line parses it."""
    words = shlex.split(line.partition(" | ")[0])
    found, context = typer.main.get_command(app), None
    name, rest = words[0], words[1:]
    while True:
        with found.make_context(name, list(rest), parent=context) as context:
            if not isinstance(found, TyperGroup) or not rest or rest[0] not in found.commands:
                return context.command_path
        name, rest, found = rest[0], rest[1:], found.commands[rest[0]]


@pytest.fixture
def named_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Create the folder of the examples in the current folder, and remove the settings of the developer's services."""
    (tmp_path / "images").mkdir()
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("command", COMMANDS.values(), ids=lambda command: command.name)
def test_every_command_has_a_valid_example(command: Command, named_files: None) -> None:
    assert command.example, "Give it an epilog: Example: `pneumonia …`"
    example = parsed(command.example)
    assert example.startswith(command.name) if command.is_group else example == command.name


def test_a_wrong_example_is_found(named_files: None) -> None:
    with pytest.raises(typer.BadParameter):
        parsed("pneumonia serve --port many")
    with pytest.raises(Exception, match="No such option"):
        parsed("pneumonia token add ward-3 --weeks 3")


def test_the_document_is_written_from_the_help() -> None:
    document = cli_reference.CLI_MD.read_text(encoding="utf-8")
    assert document == cli_reference.render(document), "Run `make cli-reference`."


@pytest.mark.parametrize(
    ("begins", "ends"),
    [
        ("`--port N`", "`8000`, 0 ≤ x ≤ 65535"),
        ("`--output table\\|json\\|csv`", "`table`"),
        ("`--stack NAME`", "variable `PNEUMONIA_STACK`"),
        ("`FOLDER`", "required"),
    ],
)
def test_facts_have_a_separate_column(begins: str, ends: str) -> None:
    lines = cli_reference.CLI_MD.read_text(encoding="utf-8").splitlines()
    assert any(line.startswith(f"| {begins} | ") and line.endswith(f" | {ends} |") for line in lines)


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=lambda page: page.name)
def test_no_table_is_broken(page: Path) -> None:
    """A blank line inside a table ends it, and the rest becomes text."""
    lines = ["", *page.read_text(encoding="utf-8").splitlines(), ""]
    fenced = False
    for number in range(1, len(lines) - 1):
        fenced ^= lines[number].startswith("```")
        if not fenced and lines[number].startswith("|") and not lines[number - 1].startswith("|"):
            assert lines[number + 1].startswith("|-"), f"line {number} begins a table without a head: {lines[number]}"
