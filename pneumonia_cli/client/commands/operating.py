"""The commands of those who operate a stack; what they do is in the module of the same name.

Whatever changes something does nothing without --yes but say what it would do. Modules are imported inside of the
commands, as in pneumonia_cli/client/commands/app.py.
"""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pneumonia_cli.client.commands import options
from pneumonia_cli.client.shape import Shape


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    for name, command, example in (
        ("status", _status, "pneumonia status --stack PneumoniaInference"),
        ("replay", _replay, "pneumonia replay --day 2026-11-24 --missing --stack PneumoniaInference --yes"),
        ("purge", _purge, "pneumonia purge --prefix ward-3/film-17 --stack PneumoniaInference"),
        ("rollback", _rollback, "pneumonia rollback --stack PneumoniaInference"),
        ("bill", _bill, "pneumonia bill --films 10000"),
    ):
        app.command(name, rich_help_panel=options.OPERATING_PANEL, epilog=f"Example: `{example}`")(command)


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
    yes: options.Yes = False,
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
    yes: options.Yes = False,
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
    yes: options.Yes = False,
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
