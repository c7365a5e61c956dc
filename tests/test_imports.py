"""Imports between packages go in one direction. `ALLOWED` lists which packages each package may import.

Imports inside a function or only for types also count.
"""

import ast
import graphlib
import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

_PREDICTING = "pneumonia.errors", "pneumonia.model", "pneumonia.predictor", "pneumonia.settings"
_SERVING = *_PREDICTING, "pneumonia.aws", "pneumonia.metrics"
_CLIENT = "pneumonia.errors", "pneumonia.model", "pneumonia.uploads", "pneumonia_cli.client", "pneumonia_cli.reporting"

ALLOWED: dict[str, tuple[str, ...]] = {
    # The code of the Lambda functions, from the bottom up.
    "pneumonia": (),
    "pneumonia.aws": (),
    "pneumonia.declaration": (),
    "pneumonia.errors": (),
    "pneumonia.options": ("pneumonia.errors",),
    "pneumonia.prevalence": ("pneumonia.errors",),
    "pneumonia.model": ("pneumonia.errors", "pneumonia.prevalence"),
    "pneumonia.decode": ("pneumonia.declaration", "pneumonia.errors", "pneumonia.model"),
    "pneumonia.settings": ("pneumonia.declaration", "pneumonia.errors", "pneumonia.decode"),
    "pneumonia.predictor": ("pneumonia.errors", "pneumonia.decode", "pneumonia.model", "pneumonia.settings"),
    "pneumonia.metrics": ("pneumonia.errors", "pneumonia.predictor", "pneumonia.settings"),
    "pneumonia.uploads": (*_SERVING, "pneumonia.options"),
    "pneumonia.backfill": ("pneumonia.errors", "pneumonia.predictor", "pneumonia.uploads"),
    "pneumonia.http": (
        "pneumonia.aws",
        "pneumonia.decode",
        "pneumonia.errors",
        "pneumonia.metrics",
        "pneumonia.options",
        "pneumonia.predictor",
        "pneumonia.prevalence",
        "pneumonia.settings",
        "pneumonia.uploads",
    ),
    "pneumonia.handlers": (
        *_SERVING,
        "pneumonia.backfill",
        "pneumonia.http",
        "pneumonia.prevalence",
        "pneumonia.uploads",
    ),
    # The description of a stack before deployment, and the stack.
    "pneumonia_cli.bundled": (),
    "pneumonia_cli.stack": ("pneumonia.declaration", "pneumonia.settings", "pneumonia_cli.bundled"),
    "infra": ("pneumonia_cli.stack",),
    "app": ("infra", "pneumonia_cli.stack"),
    # The command line.
    "pneumonia_cli": ("pneumonia_cli.client.commands",),
    "pneumonia_cli.reporting": (
        "pneumonia.decode",
        "pneumonia.errors",
        "pneumonia.model",
        "pneumonia.predictor",
        "pneumonia.prevalence",
    ),
    "pneumonia_cli.audit": ("pneumonia.model", "pneumonia.prevalence", "pneumonia_cli.reporting"),
    "pneumonia_cli.dicom_out": ("pneumonia.decode", "pneumonia.model", "pneumonia_cli.reporting"),
    "pneumonia_cli.fhir_out": ("pneumonia_cli.dicom_out", "pneumonia_cli.reporting"),
    "pneumonia_cli.hl7_out": ("pneumonia_cli.dicom_out", "pneumonia_cli.reporting"),
    "pneumonia_cli.local": (
        "pneumonia.errors",
        "pneumonia.handlers",
        "pneumonia.predictor",
        "pneumonia.uploads",
        "pneumonia_cli.bundled",
        "pneumonia_cli.reporting",
        "pneumonia_cli.stack",
    ),
    "pneumonia_cli.client": (
        "pneumonia.decode",
        "pneumonia.errors",
        "pneumonia.model",
        "pneumonia.predictor",
        "pneumonia.prevalence",
        "pneumonia_cli.dicom_out",
        "pneumonia_cli.fhir_out",
        "pneumonia.settings",
        "pneumonia_cli.audit",
        "pneumonia_cli.bundled",
        "pneumonia_cli.local",
        "pneumonia_cli.reporting",
    ),
    "pneumonia_cli.client.batch": (
        *_CLIENT,
        "pneumonia.backfill",
        "pneumonia.decode",
        "pneumonia.options",
        "pneumonia.prevalence",
    ),
    "pneumonia_cli.client.operating": (*_CLIENT, "pneumonia_cli.bundled", "pneumonia_cli.stack"),
    "pneumonia_cli.gateway": (
        "pneumonia.decode",
        "pneumonia.errors",
        "pneumonia.predictor",
        "pneumonia_cli.client",
        "pneumonia_cli.dicom_out",
        "pneumonia_cli.fhir_out",
        "pneumonia_cli.hl7_out",
        "pneumonia_cli.local",
    ),
    "pneumonia_cli.client.commands": (
        "pneumonia.prevalence",
        "pneumonia.uploads",
        "pneumonia_cli.client",
        "pneumonia_cli.client.batch",
        "pneumonia_cli.client.operating",
        "pneumonia_cli.gateway",
        "pneumonia_cli.local",
    ),
    # Packages that only run in the repository.
    "training": (*_PREDICTING, "pneumonia.decode"),
    "bench": (
        "pneumonia.aws",
        "pneumonia.decode",
        "pneumonia.handlers",
        "pneumonia.model",
        "pneumonia.predictor",
        "pneumonia.settings",
        "pneumonia.uploads",
        "pneumonia_cli.local",
        "pneumonia_cli.stack",
    ),
    "rehearsal": ("pneumonia_cli.client", "pneumonia_cli.local"),
    "tools": (
        "pneumonia.declaration",
        "pneumonia.decode",
        "pneumonia.errors",
        "pneumonia.http",
        "pneumonia.model",
        "pneumonia.predictor",
        "pneumonia.prevalence",
        "pneumonia.settings",
        "pneumonia.uploads",
        "pneumonia_cli.client",
        "pneumonia_cli.client.commands",
        "pneumonia_cli.client.operating",
        "pneumonia_cli.stack",
    ),
}

FIRST_PARTY = frozenset({*(name.partition(".")[0] for name in ALLOWED), "tests"})
FOLDERS = [ROOT / "lambda_src", *(ROOT / name for name in sorted(FIRST_PARTY - {"app", "pneumonia", "tests"}))]


def product() -> list[Path]:
    return [ROOT / "app.py", *(path for folder in FOLDERS for path in sorted(folder.rglob("*.py")))]


def package_of(module: str) -> str:
    """Return the package in the table for a module or a name in a module: the longest match."""
    parts = module.split(".")
    names = (".".join(parts[:count]) for count in range(len(parts), 0, -1))
    return next((name for name in names if name in ALLOWED), module)


def module_of(path: Path) -> str:
    below = path.relative_to(ROOT / "lambda_src" if path.is_relative_to(ROOT / "lambda_src") else ROOT)
    return ".".join(below.with_suffix("").parts).removesuffix(".__init__")


def imported(path: Path) -> Iterator[str]:
    """Return the names of the repository that a file imports, such as `pneumonia.errors.problem`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{path}: import by the full name of the module"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name for name in names if name.partition(".")[0] in FIRST_PARTY)


@cache
def arrows() -> dict[tuple[str, str], list[str]]:
    """Return the files for each import from one package to another."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path in product():
        package = package_of(module_of(path))
        for name in imported(path):
            if package_of(name) != package:
                found[package, package_of(name)].append(path.relative_to(ROOT).as_posix())
    return found


def test_imports_are_allowed() -> None:
    wrong = [
        f"{file} imports from {target}, which {package} may not: move what it needs to a package that {package} may "
        f"import ({', '.join(ALLOWED.get(package, ())) or 'none'}), or, if the new import makes sense, add it to "
        "ALLOWED in tests/test_imports.py."
        for (package, target), files in arrows().items()
        for file in sorted(set(files))
        if target not in ALLOWED.get(package, ())
    ]
    assert not wrong, "\n".join(wrong)


def test_the_table_has_no_circle() -> None:
    graphlib.TopologicalSorter(ALLOWED).prepare()


def test_every_arrow_of_the_table_is_used() -> None:
    unused = {(package, target) for package, targets in ALLOWED.items() for target in targets} - arrows().keys()
    assert not unused, "take these out of ALLOWED"


def test_modules_imported_by_programs_in_strings_exist() -> None:
    """Tests and the benchmark run programs in strings, which type checkers do not read."""
    for path in [*product(), *sorted((ROOT / "tests").rglob("*.py"))]:
        for module in re.findall(r"\b(?:from|import) (pneumonia(?:_cli)?(?:\.\w+)+)", path.read_text(encoding="utf-8")):
            place = ROOT.joinpath("lambda_src" if module.startswith("pneumonia.") else "", *module.split("."))
            assert place.is_dir() or place.with_suffix(".py").is_file(), f"{path}: there is no module {module}"


def test_no_handler_imports_another_one() -> None:
    for path in sorted((ROOT / "lambda_src/pneumonia/handlers").glob("*.py")):
        others = [name for name in imported(path) if name.startswith("pneumonia.handlers.")]
        assert all(name.startswith("pneumonia.handlers.startup.") for name in others), (
            f"{path.name} imports another handler: move what both need out of handlers/"
        )


@pytest.mark.parametrize("path", [path for path in product() if path.name == "__init__.py"], ids=module_of)
def test_packages_import_nothing_on_their_own(path: Path) -> None:
    """An import of one module must not load other modules of its package, which would slow down a cold start.

    `os` is allowed, because some settings of the environment must be set before other imports.
    """
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    imports = [ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    assert set(imports) <= {"import os"}, f"{path.relative_to(ROOT)}: import in the modules that need it"
