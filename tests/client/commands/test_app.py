import csv
import io
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from pneumonia.model.gate import refusal
from pneumonia.predictor import Predictor
from pneumonia_cli.client import predict
from pneumonia_cli.client.commands import main as command
from tests.client.conftest import Pneumonia
from tests.conftest import MakeFilms

ROOT = Path(__file__).parents[3]
COMMANDS = (
    "predict", "serve", "call", "submit", "results", "redrive", "backfill", "console",
    "status", "replay", "purge", "rotate-token", "bill", "rollback", "gateway",
)  # fmt: skip


def test_control_characters_in_an_error_are_replaced(pneumonia: Pneumonia) -> None:
    ran = pneumonia("submit", "films\x1b[2J", "--out", "films\x1b[2J/out", "--stack", "local")
    assert ran.code != 0
    assert "films" in ran.err
    assert "\x1b" not in ran.err


def test_all_commands_are_listed(pneumonia: Pneumonia) -> None:
    ran = pneumonia("--help")
    assert ran.code == 0
    assert all(f" {name} " in ran.out for name in (*COMMANDS, "token"))
    assert "Exit codes" in ran.out


@pytest.mark.parametrize("name", [*COMMANDS, "token add", "token list", "token revoke"])
def test_every_command_has_help_with_an_example(pneumonia: Pneumonia, name: str) -> None:
    ran = pneumonia(*name.split(), "--help")
    assert ran.code == 0
    assert f"Example: pneumonia {name}" in ran.out
    assert "--json" in ran.out or name in ("serve", "gateway")
    assert "--output" in ran.out or name in ("serve", "gateway", "console")


def test_versions(pneumonia: Pneumonia) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    card = json.loads((ROOT / "model_artifacts" / "card.json").read_bytes())
    api = json.loads((ROOT / "lambda_src" / "pneumonia" / "http" / "openapi.json").read_bytes())
    ran = pneumonia("--version")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out.splitlines() == [
        f"pneumonia {project['version']}",
        f"model {card['name']} {card['version']}",
        f"API {api['info']['version']}",
    ]


def test_three_shapes_of_output(tiny_service: None, pneumonia: Pneumonia, make_films: MakeFilms) -> None:
    folder = make_films({"a.png": 250, "b.txt": b"text"})
    ran = pneumonia("predict", folder, "--output", "csv")
    rows = list(csv.DictReader(io.StringIO(ran.out)))
    assert (ran.code, [row["file"] for row in rows]) == (3, ["a.png", "b.txt"])
    assert [row["code"] for row in rows] == ["", "unsupported_format"]
    told = [pneumonia("predict", folder, *shape).out for shape in (["--json"], ["--output", "json"])]
    assert [[json.loads(line)["file"] for line in out.splitlines()] for out in told] == [["a.png", "b.txt"]] * 2
    assert "refused" in pneumonia("predict", folder, "--output", "table").out
    ran = pneumonia("predict", folder, "--json", "--output", "csv")
    assert (ran.code, ran.out) == (2, "")
    assert "--output csv" in ran.err
    ran = pneumonia("bill", "--films", "10", "--output", "csv")
    assert [row["item"] for row in csv.DictReader(io.StringIO(ran.out))][-2:] == ["total", "beyond_free"]


@pytest.mark.parametrize("shape", [["--json"], ["--output", "json"], ["--output=json"]])
def test_usage_errors_as_json(pneumonia: Pneumonia, shape: list[str]) -> None:
    ran = pneumonia("predict", "--unknown", *shape)
    assert (ran.code, ran.out, json.loads(ran.err)["error"]["code"]) == (2, "", "usage")
    assert "--unknown" in json.loads(ran.err)["error"]["detail"]


@pytest.mark.parametrize(
    "arguments",
    [["unknown"], ["call"], ["call", "x", "--unknown"], ["submit", "x", "--jobs", "0"], ["serve", "--auth", "iam"]],
)
def test_usage_errors(pneumonia: Pneumonia, arguments: list[str]) -> None:
    ran = pneumonia(*arguments)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err


def test_help_imports_no_large_library() -> None:
    heavy = ("boto3", "moto", "onnxruntime", "numpy", "requests", "werkzeug")
    script = (
        "import sys; from pneumonia_cli.client.commands.main import main; main(['submit', '--help']);"
        f"sys.exit(','.join(name for name in {heavy!r} if name in sys.modules) or 0)"
    )
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "lambda_src"), str(ROOT)])}
    run = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def fail(*_arguments: object, **_options: object) -> int:
    raise RuntimeError("something broke")


def test_a_fault_of_the_command_shows_no_stack_trace(
    pneumonia: Pneumonia, make_films: MakeFilms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predict, "run", fail)
    folder = make_films({"a.png": 1})
    ran = pneumonia("predict", folder)
    assert (ran.code, ran.out) == (1, "")
    assert "RuntimeError: something broke" in ran.err
    assert "Traceback" not in ran.err
    told = json.loads(pneumonia("predict", folder, "--json").err)
    assert told["error"]["code"] == "internal_error"
    monkeypatch.setenv(command.DEBUG_VARIABLE, "1")
    assert "Traceback" in pneumonia("predict", folder).err


def test_a_closed_pipe_is_not_an_error(tiny_service: None, make_films: MakeFilms) -> None:
    # More lines than a pipe buffers (64 KiB), so that the command is still writing when the reader closes it.
    folder = make_films({f"{number}.png": number % 256 for number in range(400)})
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "lambda_src"), str(ROOT)])}
    arguments = [sys.executable, "-m", "pneumonia_cli", "predict", str(folder), "--json"]
    with subprocess.Popen(arguments, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == ""
        assert process.wait(60) == 1


@pytest.mark.parametrize(
    "arguments", [["backfill", "--prefix", "a/"], ["bill"], ["rollback"], ["backfill", "--execution", "one", "--stop"]]
)
def test_commands_that_need_aws_refuse_the_local_cloud(pneumonia: Pneumonia, arguments: list[str]) -> None:
    ran = pneumonia(*arguments, "--stack", "local")
    assert (ran.code, ran.out) == (2, "")
    assert "The local cloud has no" in ran.err


def test_a_refusal_names_the_option(
    tiny_service: None, pneumonia: Pneumonia, make_films: MakeFilms, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The API has the option as force=true."""

    def refuse(_self: Predictor, _first: Any, _force: bool) -> Any:
        raise refusal(None)

    monkeypatch.setattr(Predictor, "_through_gate", refuse)
    folder = make_films({"a.png": 250})
    ran = pneumonia("predict", folder)
    assert "with --force" in " ".join(ran.out.split())
    assert "force=true" in json.loads(pneumonia("predict", folder, "--json").out)["error"]["detail"]
