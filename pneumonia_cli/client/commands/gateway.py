"""`pneumonia gateway` and its subcommands; what they do is in `pneumonia_cli/gateway/run.py`."""

from pathlib import Path
from typing import Annotated

import typer

from pneumonia_cli.client.commands import options
from pneumonia_cli.client.shape import Shape

_CONFIG = typer.Option(
    "--config",
    envvar="PNEUMONIA_GATEWAY_CONFIG",
    metavar="FILE",
    help="TOML file (docs/hospital.md).",
    show_default=False,
)
Config = Annotated[Path | None, _CONFIG]

gateway = typer.Typer(
    invoke_without_command=True,
    help="A DICOM node: images in by C-STORE, results back into their studies.\n\nNeeds the extra `hospital`.",
    epilog="Example: `pneumonia gateway --config gateway.toml`",
)


@gateway.callback()
def _gateway(context: typer.Context, config: Config = None) -> None:
    """Run a DICOM node until Ctrl-C: images in by C-STORE, results back into their studies.

    Images wait on the disk until their results are delivered. Nothing of a patient is sent to the service.
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
    """Tell whether the gateway runs, what waits, and what failed and why. Exit code 4 if somebody has to act."""
    from pneumonia_cli.client.hospital import check_extra

    check_extra()
    from pneumonia_cli.gateway import run

    raise typer.Exit(run.status(run.config_of(_named(config or context.obj)), shape=options.shape_of(shape, as_json)))


@gateway.command("retry", epilog="Example: `pneumonia gateway retry --config gateway.toml`")
def _retry(
    context: typer.Context, config: Config = None, shape: options.Output = Shape.TABLE, as_json: options.Json = False
) -> None:
    """Try everything again that failed for good, once its reason is gone."""
    from pneumonia_cli.client.hospital import check_extra

    check_extra()
    from pneumonia_cli.gateway import run

    raise typer.Exit(run.retry(run.config_of(_named(config or context.obj)), shape=options.shape_of(shape, as_json)))


def _named(config: Path | None) -> Path:
    from pneumonia_cli.client.errors import UsageProblem

    if config is None:
        raise UsageProblem("Which gateway? Give --config FILE.")
    return config
