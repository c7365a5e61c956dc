"""Every installed package is pinned by version and hash. Needs no network."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("requirements*.txt", "*/requirements*.txt")
    for path in ROOT.glob(pattern)
    if not path.parts[len(ROOT.parts)].startswith(".")
)
SHIPPED = "lambda_src/requirements.txt"
OF_THE_PROJECT = ("pneumonia_cli/requirements.txt", "requirements-dev.txt")
"""Locks of the dependencies in pyproject.toml."""
PIN = re.compile(r"([a-z0-9][a-z0-9._-]*)(?:\[[a-z0-9,_-]+\])?==([A-Za-z0-9.+!-]+)(?: ; .+)?")
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def entries(lock: str) -> list[list[str]]:
    """Return each requirement of a lock file as its pin and its options."""
    text = (ROOT / lock).read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [re.split(r"\s+(?=--)", line.strip()) for line in lines]


def pins(lock: str) -> dict[str, set[str]]:
    """Return the versions of each package: more than one only if markers choose between them."""
    found: dict[str, set[str]] = {}
    for pin, *_ in entries(lock):
        match = PIN.fullmatch(pin)
        assert match is not None, pin
        found.setdefault(match.group(1), set()).add(match.group(2))
    return found


def test_there_are_locks_including_the_shipped_one() -> None:
    assert SHIPPED in LOCKS
    assert len(LOCKS) >= 6


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_one_version_with_hashes(lock: str) -> None:
    found = entries(lock)
    assert found
    for pin, *options in found:
        assert PIN.fullmatch(pin), f"{lock}: {pin} is not pinned to one version"
        assert options, f"{lock}: {pin} has no hash"
        assert all(HASH.fullmatch(option) for option in options), f"{lock}: {pin} has options other than hashes"


@pytest.mark.parametrize("lock", LOCKS)
def test_shipped_packages_have_the_same_version_in_every_lock(lock: str) -> None:
    here, shipped = pins(lock), pins(SHIPPED)
    assert {name: here[name] for name in here.keys() & shipped.keys()} == {
        name: shipped[name] for name in here.keys() & shipped.keys()
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_every_lock_contains_the_packages_of_its_source(lock: str) -> None:
    lines: list[str] = []
    if lock in OF_THE_PROJECT:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        lines += [*project["project"]["dependencies"], *project["dependency-groups"]["build"]]
    source = ROOT / lock.replace(".txt", ".in")
    if source.exists():
        lines += source.read_text(encoding="utf-8").splitlines()
    assert lines, f"{lock} has no source"
    wanted = {
        re.split(r"[=<>~!\[ ;]", line.strip(), maxsplit=1)[0].lower()
        for line in lines
        if line.strip() and not line.lstrip().startswith(("#", "-"))
    }
    assert wanted <= pins(lock).keys(), "run make lock"


def test_the_image_installs_only_wheels_with_these_hashes() -> None:
    dockerfile = (ROOT / "lambda_src" / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    installs = [line for line in dockerfile.splitlines() if "pip install" in line]
    assert len(installs) == 1
    assert "--require-hashes" in installs[0]
    assert "--only-binary :all:" in installs[0]
    assert not re.search(r"\b(apt-get|yum|dnf|microdnf|curl|wget)\b", dockerfile)
