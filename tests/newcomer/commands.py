"""The commands of README and docs, as a reader pastes them, and which of them need AWS."""

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGES = ("README.md", "CONTRIBUTING.md", "bench/README.md", "docs/*.md")
LANGUAGES = ("bash", "sh", "console")

AWS = re.compile(
    r"""^(\w+=\S+\ )*(aws\b|npx\ --yes\ aws-cdk|out\ |git\ commit
    |eval\ "\$\(aws
    |make\ (bootstrap|deploy|destroy|smoke|base-image)\b
    |pneumonia\b.*(--stack\ (?!local\b)|--execution\b)
    |DAY=
    |curl\b.*(\$\(out\b|\$SERVICE\b|--aws-sigv4))""",
    re.VERBOSE | re.DOTALL,
)
"""Matches the start of commands that need an AWS account, a deployed stack or an image registry."""

ELSEWHERE = {
    "make quick ": "a part of make test",
    "make test ": "a step of .ci/run",
    "make test-all ": "a step of .ci/run",
    "make container-test ": "a step of .ci/run",
    "make rehearse ": "a step of .ci/run",
    "make train ": "tests/training/test_make_train.py runs it with tiny data",
    "pipx install ": "tests/test_installation.py installs the same with pip",
    "python3 -m pip wheel ": "tests/test_installation.py runs it",
    "CXR_DATA=": "a step of .ci/run, where the data is there",
}
"""First words of commands that other checks run -> the other check."""


@dataclass(frozen=True)
class Command:
    """One command of a page. `line`: the line on which its block begins. `text` may have several lines."""

    page: Path
    line: int
    text: str

    @property
    def needs_aws(self) -> bool:
        """Whether the command needs AWS. If so, only its words can be checked."""
        return bool(AWS.match(self.text))

    @property
    def elsewhere(self) -> str | None:
        """The other check that runs this command; None if there is none."""
        words = self.text.partition("#")[0].strip() + " "
        return next((why for start, why in ELSEWHERE.items() if words.startswith(start)), None)

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}: {self.text.splitlines()[0]}"


def pages() -> Iterator[Path]:
    """Yield all pages. The README is first, because its commands create the clone for all other pages."""
    for pattern in PAGES:
        yield from sorted(ROOT.glob(pattern))


def commands(page: Path) -> list[Command]:
    """Return all commands of a page in order."""
    return [
        Command(page, line, text)
        for line, language, block in fences(page.read_text(encoding="utf-8"))
        if language in LANGUAGES
        for text in split(prompted(block) if language == "console" else block)
    ]


def fences(document: str) -> Iterator[tuple[int, str, list[str]]]:
    """Yield fenced blocks: the number of their first line, their language, their lines."""
    opened: tuple[int, str] | None = None
    inside: list[str] = []
    for number, line in enumerate(document.splitlines(), 1):
        if not line.startswith("```"):
            inside.append(line)
        elif opened is None:
            opened, inside = (number, line[3:].strip()), []
        else:
            yield (*opened, inside)
            opened = None


def prompted(block: list[str]) -> list[str]:
    """Return the commands in the lines of a terminal session."""
    return [line[2:] for line in block if line.startswith("$ ")]


def split(block: list[str]) -> Iterator[str]:
    """Split a block into commands. A command ends at the first line where bash reads it as complete."""
    pending: list[str] = []
    for line in block:
        if not pending and not line.strip():
            continue
        pending.append(line)
        if not line.endswith("\\") and whole("\n".join(pending)):
            yield "\n".join(pending)
            pending = []
    if pending:
        raise ValueError("bash does not understand:\n" + "\n".join(pending))


def whole(text: str) -> bool:
    """Return whether bash reads `text` as a complete command."""
    return subprocess.run(["bash", "-n", "-c", text], capture_output=True, check=False).returncode == 0
