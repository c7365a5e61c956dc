from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from pneumonia_cli.client.commands.options import Stack, Url

app = typer.Typer()


@app.command()
def ask(stack: Stack = None, url: Url = None, films: Annotated[int, typer.Option()] = 0) -> None:
    typer.echo(f"{stack} {url}")


@pytest.mark.parametrize(
    ("arguments", "variables", "asked"),
    [
        ("--stack Production", {"PNEUMONIA_URL": "http://127.0.0.1:9000"}, "Production None"),
        ("--films 1 --stack Production", {"PNEUMONIA_URL": "http://127.0.0.1:9000"}, "Production None"),
        ("--stack local", {"PNEUMONIA_URL": "http://127.0.0.1:9000"}, "local http://127.0.0.1:9000"),
        ("", {"PNEUMONIA_URL": "https://other"}, "None https://other"),
        ("", {"PNEUMONIA_URL": "https://other", "PNEUMONIA_STACK": "Production"}, "Production https://other"),
        ("--url https://other --stack Production", {}, "Production https://other"),
        ("--stack Production --url https://other", {}, "Production https://other"),
    ],
)
def test_a_stack_on_the_command_line_wins_over_an_address_in_the_environment(
    arguments: str, variables: dict[str, str], asked: str
) -> None:
    done = CliRunner().invoke(app, arguments.split(), env=variables)
    assert done.output.strip() == asked
