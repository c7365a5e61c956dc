"""The commands of those who operate a stack; what they do is in the module of the same name.

Whatever changes something does nothing without --yes but say what it would do. Modules are imported inside of the
commands, as in pneumonia_cli/client/commands/app.py.
"""

import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pneumonia_cli.client.commands import options
from pneumonia_cli.client.shape import Shape

if TYPE_CHECKING:
    from pneumonia_cli.client.aws import Aws

_PANEL = "Operating a stack"

Yes = Annotated[bool, typer.Option("--yes", help="Do it; without, the command only says what it would do.")]


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    for name, command, example in (
        ("status", _status, "pneumonia status --stack PneumoniaInference"),
        ("replay", _replay, "pneumonia replay --day 2026-11-24 --missing --stack PneumoniaInference --yes"),
        ("purge", _purge, "pneumonia purge --prefix ward-3/film-17 --stack PneumoniaInference"),
        ("rollback", _rollback, "pneumonia rollback --stack PneumoniaInference"),
        ("rotate-token", _rotate_token, "pneumonia rotate-token --stack PneumoniaInference --yes --show"),
        ("bill", _bill, "pneumonia bill --films 10000"),
    ):
        app.command(name, rich_help_panel=_PANEL, epilog=f"Example: `{example}`")(command)
    tokens = typer.Typer(
        no_args_is_help=True,
        help="Tokens with names of their own, for auth `token`.",
        epilog="Example: `pneumonia token list --stack PneumoniaInference`",
    )
    examples: tuple[tuple[str, Callable[..., None], str], ...] = (
        ("add", _add_token, "pneumonia token add ward-3 --days 90 --stack PneumoniaInference --yes"),
        ("list", _list_tokens, "pneumonia token list --stack PneumoniaInference"),
        ("revoke", _revoke_token, "pneumonia token revoke ward-3 --stack PneumoniaInference --yes"),
    )
    for action, act, example in examples:
        tokens.command(action, epilog=f"Example: `{example}`")(act)
    app.add_typer(tokens, name="token", rich_help_panel=_PANEL)


def _status(
    stack: options.Stack = None,
    url: options.Url = None,
    token: options.Token = None,
    no_sign_request: options.NoSign = False,
    profile: options.Profile = None,
    region: options.Region = None,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """Tell whether the service is well: health, queues, alarms. Exit code 4 if it is not."""
    from pneumonia_cli.client.door import open_service
    from pneumonia_cli.client.errors import UsageProblem
    from pneumonia_cli.client.operating import status as command
    from pneumonia_cli.client.target import Target, connect, resolve

    if stack is None:
        raise UsageProblem("Which service? Give --stack NAME: alarms are found by it.")
    with connect(stack, profile, region) as aws:
        target = resolve(aws, stack, Target(url=url), needed=("url", "queue_url", "dead_letter_queue_url"))
        with open_service(target.url, aws, token, sign=not no_sign_request) as service:
            raise typer.Exit(command.run(aws, service, stack, target, shape=options.shape_of(shape, as_json)))


def _replay(
    day: Annotated[
        datetime, typer.Option("--day", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="On which, in UTC.")
    ],
    prefix: Annotated[str, typer.Option("--prefix", metavar="PREFIX", help="Only keys that begin so.")] = "",
    missing: Annotated[bool, typer.Option("--missing", help="Only films that have no result.")] = False,
    yes: Yes = False,
    stack: options.Stack = None,
    profile: options.Profile = None,
    region: options.Region = None,
    upload_bucket: options.UploadBucket = None,
    results_bucket: options.ResultBucket = None,
    queue_url: options.QueueUrl = None,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """Predict the films again that were uploaded on one day, the newest version of each.

    Their results are replaced, as by a new upload; an upload that comes meanwhile wins. Without --yes it only counts.
    """
    from pneumonia_cli.client.batch import replay as command
    from pneumonia_cli.client.target import Target, connect, resolve

    named = Target(upload_bucket=upload_bucket, result_bucket=results_bucket, queue_url=queue_url)
    with connect(stack, profile, region) as aws:
        target = resolve(aws, stack, named, needed=("upload_bucket", "result_bucket", "queue_url"))
        places = str(target.upload_bucket), str(target.result_bucket), str(target.queue_url)
        chosen = command.Replay(day.date(), prefix, missing)
        raise typer.Exit(
            command.run(aws.s3(), aws.sqs(), *places, chosen, really=yes, shape=options.shape_of(shape, as_json))
        )


def _purge(
    key: Annotated[
        list[str] | None, typer.Option("--key", metavar="KEY", help="The whole key of an upload. May come often.")
    ] = None,
    upload: Annotated[
        list[str] | None,
        typer.Option("--upload", metavar="ID", help="The id that `POST /uploads` gave. May come often."),
    ] = None,
    prefix: Annotated[
        str | None, typer.Option("--prefix", metavar="PREFIX", help="All uploads whose keys begin so.")
    ] = None,
    bypass_lock: Annotated[
        bool,
        typer.Option(
            "--bypass-lock", help="Also results that `result_lock_days` keeps; needs a permission of its own."
        ),
    ] = False,
    yes: Yes = False,
    stack: options.Stack = None,
    profile: options.Profile = None,
    region: options.Region = None,
    upload_bucket: options.UploadBucket = None,
    results_bucket: options.ResultBucket = None,
    queue_url: options.QueueUrl = None,
    dead_letter_queue_url: options.DeadLetterQueueUrl = None,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """Delete all versions of uploads, their results and heatmaps, and their failed messages, for good.

    Without --yes it shows the keys. It says at the end what it could not reach; exit code 4 if something is left.
    """
    from pneumonia.uploads.ids import is_id, upload_key
    from pneumonia_cli.client.errors import UsageProblem
    from pneumonia_cli.client.operating import purge as command
    from pneumonia_cli.client.target import Target, connect, resolve

    ids = upload or []
    if not (key or ids or prefix):
        raise UsageProblem("Whose? Give --key, --upload or --prefix; there is no purging of everything.")
    if any(not is_id(one) for one in ids) or any(not one for one in key or []):
        raise UsageProblem("An --upload is what `POST /uploads` gave as `id`, and a --key is not empty.")
    chosen = command.Selection(frozenset([*(key or []), *map(upload_key, ids)]), (prefix,) if prefix else ())
    named = Target(None, upload_bucket, results_bucket, queue_url, dead_letter_queue_url)
    with connect(stack, profile, region) as aws:
        target = resolve(
            aws,
            stack,
            named,
            needed=("upload_bucket", "result_bucket"),
            useful=("queue_url", "dead_letter_queue_url"),
        )
        raise typer.Exit(
            command.run(
                aws.s3(),
                aws.sqs(),
                target,
                chosen,
                really=yes,
                bypass_lock=bypass_lock,
                shape=options.shape_of(shape, as_json),
            )
        )


def _rollback(
    yes: Yes = False,
    undo: Annotated[
        bool,
        typer.Option("--undo", help="Move the aliases to the versions that CloudFormation records, before you deploy."),
    ] = False,
    stack: options.Stack = None,
    profile: options.Profile = None,
    region: options.Region = None,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """Give the traffic back to the version before, of both functions, without a deployment.

    Once more goes one further back. Buckets, queues, permissions and alarms stay as they are. Before the next
    deployment the rollback has to be undone.
    """
    from pneumonia_cli.client.errors import UsageProblem
    from pneumonia_cli.client.operating import rollback as command
    from pneumonia_cli.client.target import connect, only_at_aws

    if stack is None:
        raise UsageProblem("Of which deployed stack? Give --stack NAME.")
    only_at_aws(stack, "versions of functions")
    with connect(stack, profile, region) as aws:
        raise typer.Exit(command.run(aws, stack, really=yes, undo=undo, shape=options.shape_of(shape, as_json)))


Secret = Annotated[
    str | None,
    typer.Option("--secret", metavar="ARN", help="Secret of its token.", rich_help_panel=options.PARTS_PANEL),
]


@contextlib.contextmanager
def _token_secret(
    stack: str | None, profile: str | None, region: str | None, secret: str | None
) -> "Iterator[tuple[Aws, str]]":
    """The AWS session of a stack, and the ARN of the secret that holds its tokens."""
    from pneumonia_cli.client.target import Target, connect, resolve

    with connect(stack, profile, region) as aws:
        yield aws, str(resolve(aws, stack, Target(token_secret=secret), needed=("token_secret",)).token_secret)


Name = Annotated[str, typer.Argument(metavar="NAME", help="1 to 32 of a-z, 0-9 and -; it goes into logs.")]


def _add_token(
    name: Name,
    days: Annotated[int, typer.Option("--days", min=1, max=3650, help="How long it lives.")] = 365,
    yes: Yes = False,
    stack: options.Stack = None,
    profile: options.Profile = None,
    region: options.Region = None,
    secret: Secret = None,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """Make a token for one caller, and print it this once. The service takes it within half a minute."""
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
    """Show the names of all tokens and when they expire; never a token."""
    from pneumonia_cli.client.operating import tokens as command

    with _token_secret(stack, profile, region, secret) as (aws, arn):
        raise typer.Exit(command.show(aws, arn, shape=options.shape_of(shape, as_json)))


def _revoke_token(
    name: Name,
    yes: Yes = False,
    stack: options.Stack = None,
    profile: options.Profile = None,
    region: options.Region = None,
    secret: Secret = None,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """End the token of one caller, within five minutes; all others stay. `default` is the one of the stack."""
    from pneumonia_cli.client.operating import tokens as command

    with _token_secret(stack, profile, region, secret) as (aws, arn):
        raise typer.Exit(command.revoke(aws, arn, name, really=yes, shape=options.shape_of(shape, as_json)))


def _rotate_token(
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Rotate twice, so that the old token ends: it has leaked.")
    ] = False,
    show: Annotated[bool, typer.Option("--show", help="Print the new token.")] = False,
    yes: Yes = False,
    stack: options.Stack = None,
    profile: options.Profile = None,
    region: options.Region = None,
    secret: Secret = None,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """Give the service a new default token. The old one stays valid until the next rotation; those with names stay."""
    from pneumonia_cli.client.operating import rotate as command

    with _token_secret(stack, profile, region, secret) as (aws, arn):
        raise typer.Exit(
            command.run(aws, arn, revoke=revoke, show=show, really=yes, shape=options.shape_of(shape, as_json))
        )


def _bill(
    month: Annotated[
        datetime | None,
        typer.Option("--month", formats=["%Y-%m"], metavar="YYYY-MM", help="Of a stack [default: this month so far]"),
    ] = None,
    films: Annotated[
        int | None, typer.Option("--films", min=0, metavar="N", help="So many uploads a month, without any stack.")
    ] = None,
    megabytes: Annotated[float, typer.Option("--megabytes", min=0, help="Of one film; with --films.")] = 1.0,
    milliseconds: Annotated[
        float, typer.Option("--milliseconds", min=0, help="Of the worker for one film; with --films.")
    ] = 300.0,
    cdk_json: Annotated[
        Path | None, typer.Option("--settings", metavar="FILE", help="With prices and settings [default: cdk.json]")
    ] = None,
    stack: options.Stack = None,
    profile: options.Profile = None,
    region: options.Region = None,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """Estimate what a stack cost in a month, or what it would cost for so many films.

    At the list prices in cdk.json, without free tier, taxes and discounts.
    """
    from pneumonia_cli.client.errors import UsageProblem
    from pneumonia_cli.client.operating import bill as command
    from pneumonia_cli.client.target import connect, only_at_aws

    settings = command.settings(cdk_json)
    if films is not None:
        expected = command.Expected(films, megabytes, milliseconds)
        raise typer.Exit(command.for_films(settings, expected, shape=options.shape_of(shape, as_json)))
    if stack is None:
        raise UsageProblem("Of what? Give --stack NAME, or --films N for an estimate without one.")
    only_at_aws(stack, "bill", instead=", or --films N for an estimate")
    with connect(stack, profile, region) as aws:
        raise typer.Exit(command.of_month(aws, stack, settings, month, shape=options.shape_of(shape, as_json)))
