"""`make help` lists every target, and the documents name existing targets."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = {name for line in re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE) for name in line.split()}
# Internal targets that check the requirements of other targets.
INNER = {"need-data", "need-version"}
WIDTH = 120
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
HISTORY = ROOT / "CHANGELOG.md"
"""Names targets of earlier versions."""
DOCUMENTS = sorted(
    {*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob(".github/**/*.yml"), ROOT / ".ci" / "run"} - {HISTORY}
)


def fenced(text: str) -> list[str]:
    """Return the lines of the shell blocks of a document, without comments."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [line.partition("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def inline(text: str) -> list[str]:
    """Return the texts between single backquotes."""
    return re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["make", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_help_describes_every_target_in_lines_that_fit() -> None:
    printed = make("help").stdout
    listed = dict(re.findall(r"^  ([a-z-]+) +(\S.*)$", printed, re.MULTILINE))
    assert set(listed) == TARGETS - INNER
    assert max(map(len, printed.splitlines())) <= WIDTH
    # All texts begin in the same column, so no name is too long.
    starts = {len(line) - len(line[20:].lstrip()) for line in printed.splitlines() if line.startswith("  ")}
    assert starts == {20}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_documents_name_existing_targets(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    commands = [*fenced(text), *inline(text)] if document.suffix == ".md" else text.splitlines()
    named = {target for command in commands for target in re.findall(r"(?:^|&& |; )\s*make ([a-z-]+)\b(?!\()", command)}
    assert named <= TARGETS


COMMANDS = sorted({
    command
    for command in [*fenced(CONTRIBUTING), *inline(CONTRIBUTING)]
    if re.match(r"(\w+=\S+ )*(make|npm|npx|pre-commit|python3?|pytest|\.ci/run|\.venv\S*/\S+)\b", command)
})  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_the_commands_of_contributing_work_as_pasted(command: str) -> None:
    """The commands only use make and programs of the repository, because other programs may be missing from PATH."""
    words = shlex.split(command)
    while "=" in words[0]:
        words.pop(0)
    if words[0] == "make":
        done = make("--dry-run", *words[1:])
        assert done.returncode == 0, done.stderr
    else:
        assert words == [".ci/run"]
        assert (ROOT / words[0]).stat().st_mode & 0o100


def test_a_program_outside_the_repository_is_noticed() -> None:
    with pytest.raises(AssertionError):
        test_the_commands_of_contributing_work_as_pasted("pre-commit install")
