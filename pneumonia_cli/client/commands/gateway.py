"""`pneumonia gateway` and its subcommands. `pneumonia_cli/gateway/run.py` implements them."""

from pathlib import Path
from typing import Annotated

import typer

from pneumonia_cli.client.commands import options
from pneumonia_cli.client.shape import Shape

_CONFIG = typer.Option(
    "--config",
    envvar="PNEUMONIA_GATEWAY_CONFIG",
    metavar="FILE",
    help="TOML file with the gateway's settings (docs/hospital.md).",
    show_default=False,
)
Config = Annotated[Path | None, _CONFIG]

gateway = typer.Typer(
    invoke_without_command=True,
    help="Run a DICOM node that receives images by C-STORE and returns results to their studies.\n\n"
    "Needs the extra `hospital`.",
    epilog="Example: `pneumonia gateway --config gateway.toml`",
)


@gateway.callback()
def _gateway(context: typer.Context, config: Config = None) -> None:
    """Run a DICOM node until Ctrl-C. It receives images by C-STORE and returns results to their studies.

    Images stay on the disk until their results are delivered. No patient data is sent to the service.
    """
    if context.invoked_subcommand is not None:
        context.obj = config
        return
    from pneumonia_cli.client.hospital import check_extra

    check_extra()
    from pneumonia_cli.gateway import run
    from pneumonia_cli.gateway.log import Log

    raise typer.Exit(run.run(run.config_of(_named(config)), Log()))


@gateway.command("status", epilog="Example: `pneumonia gateway status --config gateway.toml`")
def _status(
    context: typer.Context, config: Config = None, shape: options.Output = Shape.TABLE, as_json: options.Json = False
) -> None:
    """Show whether the gateway runs, what is waiting, and what failed and why. Exit code 4 if action is needed."""
    from pneumonia_cli.client.hospital import check_extra

    check_extra()
    from pneumonia_cli.gateway import run

    raise typer.Exit(run.status(run.config_of(_named(config or context.obj)), shape=options.shape_of(shape, as_json)))


@gateway.command("retry", epilog="Example: `pneumonia gateway retry --config gateway.toml`")
def _retry(
    context: typer.Context, config: Config = None, shape: options.Output = Shape.TABLE, as_json: options.Json = False
) -> None:
    """Retry everything that failed permanently. Fix the cause first."""
    from pneumonia_cli.client.hospital import check_extra

    check_extra()
    from pneumonia_cli.gateway import run

    raise typer.Exit(run.retry(run.config_of(_named(config or context.obj)), shape=options.shape_of(shape, as_json)))


def _named(config: Path | None) -> Path:
    from pneumonia_cli.client.errors import UsageProblem

    if config is None:
        raise UsageProblem("No gateway is named. Specify --config FILE.")
    return config
