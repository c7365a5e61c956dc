"""The commands for tokens of a service with auth `token`. `pneumonia_cli/client/operating/` implements them.

The commands import modules when they run, as in pneumonia_cli/client/commands/app.py.
"""

import contextlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from pneumonia_cli.client.commands import options
from pneumonia_cli.client.shape import Shape

if TYPE_CHECKING:
    from pneumonia_cli.client.aws import Aws


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command(
        "rotate-token",
        rich_help_panel=options.OPERATING_PANEL,
        epilog="Example: `pneumonia rotate-token --stack PneumoniaInference --yes --show`",
    )(_rotate_token)
    tokens = typer.Typer(
        no_args_is_help=True,
        help="Named tokens, for a service with auth `token`.",
        epilog="Example: `pneumonia token list --stack PneumoniaInference`",
    )
    examples: tuple[tuple[str, Callable[..., None], str], ...] = (
        ("add", _add_token, "pneumonia token add ward-3 --days 90 --stack PneumoniaInference --yes"),
        ("list", _list_tokens, "pneumonia token list --stack PneumoniaInference"),
        ("revoke", _revoke_token, "pneumonia token revoke ward-3 --stack PneumoniaInference --yes"),
    )
    for action, act, example in examples:
        tokens.command(action, epilog=f"Example: `{example}`")(act)
    app.add_typer(tokens, name="token", rich_help_panel=options.OPERATING_PANEL)


Secret = Annotated[
    str | None,
    typer.Option("--secret", metavar="ARN", help="Secret that holds the tokens.", rich_help_panel=options.PARTS_PANEL),
]


@contextlib.contextmanager
def _token_secret(
    stack: str | None, profile: str | None, region: str | None, secret: str | None
) -> "Iterator[tuple[Aws, str]]":
    """Yield the AWS session of a stack and the ARN of the secret that holds its tokens."""
    from pneumonia_cli.client.target import Target, connect, resolve

    with connect(stack, profile, region) as aws:
        yield aws, str(resolve(aws, stack, Target(token_secret=secret), needed=("token_secret",)).token_secret)


Name = Annotated[
    str, typer.Argument(metavar="NAME", help="1 to 32 characters of a-z, 0-9 and -. The name is written to logs.")
]


def _add_token(
    name: Name,
    days: Annotated[int, typer.Option("--days", min=1, max=3650, help="Days until the token expires.")] = 365,
    yes: options.Yes = False,
    stack: options.Stack = None,
    profile: options.Profile = None,
    region: options.Region = None,
    secret: Secret = None,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """Create a token for one caller and print it once. The service accepts it within half a minute."""
    from pneumonia_cli.client.operating import tokens as command

    with _token_secret(stack, profile, region, secret) as (aws, arn):
        raise typer.Exit(command.add(aws, arn, name, days, really=yes, shape=options.shape_of(shape, as_json)))


def _list_tokens(
    stack: options.Stack = None,
    profile: options.Profile = None,
    region: options.Region = None,
    secret: Secret = None,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """List the names of all tokens and when they expire. Tokens are never shown."""
    from pneumonia_cli.client.operating import tokens as command

    with _token_secret(stack, profile, region, secret) as (aws, arn):
        raise typer.Exit(command.show(aws, arn, shape=options.shape_of(shape, as_json)))


def _revoke_token(
    name: Name,
    yes: options.Yes = False,
    stack: options.Stack = None,
    profile: options.Profile = None,
    region: options.Region = None,
    secret: Secret = None,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """Revoke the token of one caller. It stops working within five minutes.

    `default` names the default token of the stack.
    """
    from pneumonia_cli.client.operating import tokens as command

    with _token_secret(stack, profile, region, secret) as (aws, arn):
        raise typer.Exit(command.revoke(aws, arn, name, really=yes, shape=options.shape_of(shape, as_json)))


def _rotate_token(
    revoke: Annotated[
        bool,
        typer.Option(
            "--revoke", help="Rotate twice, so that the old token stops working. Use it if the token has leaked."
        ),
    ] = False,
    show: Annotated[bool, typer.Option("--show", help="Print the new token.")] = False,
    yes: options.Yes = False,
    stack: options.Stack = None,
    profile: options.Profile = None,
    region: options.Region = None,
    secret: Secret = None,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """Replace the default token. The old token stays valid until the next rotation. Named tokens do not change."""
    from pneumonia_cli.client.operating import rotate as command

    with _token_secret(stack, profile, region, secret) as (aws, arn):
        raise typer.Exit(
            command.run(aws, arn, revoke=revoke, show=show, really=yes, shape=options.shape_of(shape, as_json))
        )
