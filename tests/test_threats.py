"""Every line in the threats of docs/security.md names a test that exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SECTION = (TESTS.parent / "docs" / "security.md").read_text(encoding="utf-8").partition("\n## Threats\n")[2]
ROWS = [line for line in SECTION.partition("\n## ")[0].splitlines() if line.startswith("| ") and "Shown by" not in line]
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


@cache
def functions_in(file: str) -> frozenset[str]:
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[2:42].strip())
def test_every_threat_is_shown_by_tests_that_exist(row: str) -> None:
    cells = [cell.strip() for cell in row.strip("|").split(" | ")]
    assert len(cells) == 3, "who could do what, what holds it, which tests show it"
    named = NAMED.findall(cells[2])
    assert named, "name a test"
    assert len(named) == cells[2].count("`") // 2, "a test is named as `folder/file.py::name`"
    for file, name in named:
        assert (TESTS / file).is_file(), file
        assert name.startswith("test_")
        assert name in functions_in(file), f"{file} has no {name}"


def test_threats_are_listed() -> None:
    assert len(ROWS) > 20
