"""Each setting is declared once, and has a default, a row in the table, and code that reads it."""

import ast
import re
from dataclasses import fields
from pathlib import Path

import pytest

from pneumonia.declaration import declared
from pneumonia.decode.limits import Limits
from pneumonia.settings import FunctionSettings
from pneumonia_cli.stack.context import ContextError, default_context, settings_of
from pneumonia_cli.stack.settings import StackSettings
from tools import settings_table

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = declared(StackSettings)
OF_FUNCTIONS = declared(FunctionSettings)
DECLARED_IN = (
    "lambda_src/pneumonia/settings.py",
    "lambda_src/pneumonia/decode/limits.py",
    "pneumonia_cli/stack/settings.py",
)


def place_of(path: Path) -> str:
    """Return the path of a file from the root of the repository."""
    return path.relative_to(ROOT).as_posix()


def read_in(*folders: str) -> set[str]:
    """Return the attributes that the code of these folders reads from settings or limits, as in `settings.max_frames`.

    In the files that declare settings, properties read them as `self.max_frames`.
    """
    found = set()
    for path in (path for folder in folders for path in (ROOT / folder).rglob("*.py")):
        owners = ("self",) if place_of(path) in DECLARED_IN else ("settings", "limits")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value).rstrip("()").endswith(owners):
                found.add(node.attr)
    return found


READ_BY_FUNCTIONS = read_in("lambda_src/pneumonia")
READ_BY_STACK = read_in("infra", "pneumonia_cli")


def place(name: str) -> str:
    """Return the file that declares a setting."""
    return next(path for path in DECLARED_IN if f"    {name}: " in (ROOT / path).read_text(encoding="utf-8"))


def test_each_setting_has_a_default_in_cdk_json() -> None:
    missing = [name for name in SETTINGS if name not in default_context()]
    assert not missing, (
        f"{missing} are declared ({', '.join(map(place, missing))}) but have no default in cdk.json. Add one there, "
        "at the position of its row in the table of settings."
    )


def test_cdk_json_has_no_other_settings() -> None:
    unknown = [name for name in default_context() if ":" not in name and name not in SETTINGS]
    assert not unknown, (
        f"cdk.json has {unknown}, which is not declared. Declare a setting that a function reads in "
        "pneumonia/settings.py, a limit of decoding in pneumonia/decode/limits.py, and any other setting in "
        "pneumonia_cli/stack/settings.py, or remove it."
    )


@pytest.mark.parametrize("name", OF_FUNCTIONS)
def test_the_default_of_a_variable_is_that_of_cdk_json(name: str) -> None:
    kind, declared_default = OF_FUNCTIONS[name].metadata["kind"], OF_FUNCTIONS[name].default
    default = kind.read(default_context().get(name, declared_default))
    assert default == declared_default, (
        f"The default of '{name}' is {default!r} in cdk.json and {declared_default!r} in {place(name)}. A function "
        "without the variable would behave differently from one of the stack. Change one of the two."
    )


def test_the_table_of_settings_is_as_they_are_declared() -> None:
    document = settings_table.DEPLOY_MD.read_text(encoding="utf-8")
    missing = [name for name in SETTINGS if f"| `{name}` |" not in document]
    assert document == settings_table.render(document), (
        f"The table of settings in docs/deploy.md differs from the declarations and cdk.json (missing rows: "
        f"{missing or 'none'}). Run `make settings-table`."
    )


@pytest.mark.parametrize("name", OF_FUNCTIONS)
def test_a_function_reads_each_of_its_settings(name: str) -> None:
    assert name in READ_BY_FUNCTIONS, (
        f"'{name}' is declared in {place(name)}, but no code in lambda_src/pneumonia reads it. Read it "
        f"(settings.{name} or limits.{name}). If only the stack reads it, declare it in "
        "pneumonia_cli/stack/settings.py."
    )


@pytest.mark.parametrize("name", [name for name in SETTINGS if name not in OF_FUNCTIONS])
def test_the_stack_reads_each_of_its_settings(name: str) -> None:
    assert name in READ_BY_STACK, (
        f"'{name}' is declared in pneumonia_cli/stack/settings.py, but no code in infra or pneumonia_cli reads it. "
        f"Read it (settings.{name}), or remove it from pneumonia_cli/stack/settings.py and cdk.json."
    )


@pytest.mark.parametrize("name", SETTINGS)
def test_a_refused_value_names_the_allowed_values(name: str) -> None:
    allowed = re.escape(SETTINGS[name].metadata["kind"].allowed)
    with pytest.raises(ContextError, match=f"^Setting '{name}' is .*, but must be {allowed}"):
        settings_of(default_context() | {name: {"no": "setting"}})


def test_the_limits_in_the_documentation_of_formats_are_the_defaults() -> None:
    rows = re.findall(
        r"^\| ((?:`(?:max|decode)_\w+`(?:, )?)+) \| ([\d, ]+) \|", (ROOT / "docs" / "formats.md").read_text(), re.M
    )
    told = {
        name: int(value.replace(",", ""))
        for names, values in rows
        for name, value in zip(re.findall(r"\w+", names), re.findall(r"\d+(?:,\d{3})*", values), strict=True)
    }
    limits = {item.name: item.default for item in fields(Limits) if item.name != "min_image_side"}
    assert told == limits, "correct the table of limits in docs/formats.md"
