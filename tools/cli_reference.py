"""`make cli-reference`: write the help of all commands and options into docs/cli.md."""

import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer
from typer.core import TyperGroup

from pneumonia_cli.client.commands.app import app
from pneumonia_cli.client.commands.options import PARTS_PANEL, SERVICE_PANEL

CLI_MD: Final = Path(__file__).resolve().parent.parent / "docs" / "cli.md"

_SHARED: Final = (SERVICE_PANEL, PARTS_PANEL)
_SHARED_TITLE: Final = "Options for the service"
# Facts that typer adds to the help in brackets: the environment variable, the default, the limits, "required".
_FACTS: Final = re.compile(r"\s+\[((?:env var|default|required|[\d.]+<=?x|x[<>]).*?)\]")
_TYPES: Final = {"int range": "N", "int": "N", "float range": "N", "float": "N"}


@dataclass(frozen=True)
class Command:
    """One command: its full name, such as `pneumonia token add`, and typer's object for it."""

    name: str
    found: Any
    context: typer.Context

    @property
    def paragraphs(self) -> list[str]:
        """The paragraphs of the help, without line breaks."""
        return [" ".join(part.split()) for part in (self.found.help or "").split("\n\n")]

    @property
    def example(self) -> str | None:
        """The example in the help."""
        match = re.search(r"Example: `(.*?)`", self.found.epilog or "")
        return match[1] if match else None

    @property
    def is_group(self) -> bool:
        """Whether the command requires a subcommand."""
        return isinstance(self.found, TyperGroup) and not self.found.invoke_without_command

    def options(self) -> list[tuple[str, str, str | None]]:
        """Return, for each argument and option, its names, its help with facts in brackets, and its panel."""
        records = ((one.get_help_record(self.context), one) for one in self.found.get_params(self.context))
        found = [(*record, getattr(one, "rich_help_panel", None)) for record, one in records if record]
        return [one for one in found if one[0] != "--help"]


def commands() -> Iterator[Command]:
    """Return every command and subcommand, each group before its subcommands."""
    root = typer.main.get_command(app)
    yield from _commands(root, typer.Context(root, info_name="pneumonia"))


def _commands(found: Any, context: typer.Context) -> Iterator[Command]:
    yield Command(context.command_path, found, context)
    if isinstance(found, TyperGroup):
        for name, command in found.commands.items():
            yield from _commands(command, typer.Context(command, info_name=name, parent=context))


def render(document: str) -> str:
    """Return the text of docs/cli.md with new generated parts. Raises ValueError if the markers are missing."""
    return _replaced(_replaced(document, "commands", _overview()), "reference", _reference())


def _replaced(document: str, name: str, lines: Iterator[str]) -> str:
    begin, end = f"<!-- generated: {name} -->\n", "<!-- /generated -->\n"
    first = document.index(begin) + len(begin)
    last = document.index(end, first)
    return document[:first] + "\n".join(["", *lines, ""]) + "\n" + document[last:]


def _overview() -> Iterator[str]:
    yield from ("| command | what it does |", "|---|---|")
    for command in commands():
        if not command.is_group:
            link = re.sub(r"[^a-z-]", "", command.name.replace(" ", "-"))
            yield f"| [`{command.name}`](#{link}) | {_cell(command.paragraphs[0])} |"


def _reference() -> Iterator[str]:
    shared: dict[str, str] = {}
    for command in commands():
        options = command.options()
        yield from (f"### `{command.name}`", "")
        for paragraph in command.paragraphs:
            yield from (paragraph, "")
        own = [(names, text) for names, text, panel in options if panel not in _SHARED]
        if own:
            yield from (*_table(own), "")
        theirs = {names: text for names, text, panel in options if panel in _SHARED}
        shared |= theirs
        if theirs:
            listed = ", ".join(f"`{names.split()[0]}`" for names in theirs)
            yield from (f"[{_SHARED_TITLE}](#{_SHARED_TITLE.lower().replace(' ', '-')}): {listed}.", "")
        if command.example:
            yield from (f"Example: `{command.example}`", "")
    yield from (f"### {_SHARED_TITLE}", "", *_table(list(shared.items())))


def _table(options: list[tuple[str, str]]) -> Iterator[str]:
    yield from ("| | | default, limits |", "|---|---|---|")
    for names, text in options:
        facts = [fact for match in _FACTS.finditer(text) for fact in match[1].split("; ")]
        told = ", ".join(_fact(fact) for fact in facts)
        yield f"| `{_cell(_name(names))}` | {_cell(_FACTS.sub('', text).strip())} | {_cell(told)} |"


def _name(names: str) -> str:
    """Return the names with a short type: `--jobs <int range>` as `--jobs N`. Choices stay; arguments get no type."""

    def typed(match: re.Match[str]) -> str:
        if "|" in match[1]:
            return f" {match[1]}"
        return f" {_TYPES[match[1]]}" if match[1] in _TYPES and names.startswith("-") else ""

    return re.sub(r" <([^>]*)>", typed, names)


def _fact(fact: str) -> str:
    name, _, value = fact.partition(": ")
    if name == "env var":
        return f"variable `{value}`"
    if name == "default":
        value = value.removesuffix(".0")
        return f"`{value}`" if re.fullmatch(r"[\w.-]+", value) else value
    return fact.replace("<=", " ≤ ").replace(">=", " ≥ ")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(path: Path = CLI_MD) -> int:
    """Write the file and return the exit code."""
    path.write_text(render(path.read_text(encoding="utf-8")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
