"""The commands for operators of a stack. Each command is implemented in the module of the same name.

Without --yes, a command that changes something only shows what it would do. The commands import modules when they
run, as in pneumonia_cli/client/commands/app.py.
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
        ("purge", _purge, "pneumonia purge --prefix ward-3/image-17 --stack PneumoniaInference"),
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
    """Show the state of the service: health, queues and alarms. Exit code 4 if something is wrong."""
    from pneumonia_cli.client.door import open_service
    from pneumonia_cli.client.errors import UsageProblem
    from pneumonia_cli.client.operating import status as command
    from pneumonia_cli.client.target import Target, connect, resolve

    if stack is None:
        raise UsageProblem("No stack is named. Specify --stack NAME: the alarms are found by the name of the stack.")
    with connect(stack, profile, region) as aws:
        target = resolve(aws, stack, Target(url=url), needed=("url", "queue_url", "dead_letter_queue_url"))
        with open_service(target.url, aws, token, sign=not no_sign_request) as service:
            raise typer.Exit(command.run(aws, service, stack, target, shape=options.shape_of(shape, as_json)))


def _replay(
    day: Annotated[
        datetime, typer.Option("--day", formats=["%Y-%m-%d"], metavar="YYYY-MM-DD", help="Day of the uploads, in UTC.")
    ],
    prefix: Annotated[str, typer.Option("--prefix", metavar="PREFIX", help="Only keys that start with this.")] = "",
    missing: Annotated[bool, typer.Option("--missing", help="Only images that have no result.")] = False,
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
    """Predict again the images that were uploaded on one day. The newest version of each is used.

    The new results replace the old ones. If an image is uploaded again in the meantime, the result of that upload
    stays. Without --yes the command only counts.
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
        list[str] | None, typer.Option("--key", metavar="KEY", help="Full key of an upload. Can be repeated.")
    ] = None,
    upload: Annotated[
        list[str] | None,
        typer.Option("--upload", metavar="ID", help="Id that `POST /uploads` returned. Can be repeated."),
    ] = None,
    prefix: Annotated[
        str | None, typer.Option("--prefix", metavar="PREFIX", help="All uploads whose keys start with this.")
    ] = None,
    bypass_lock: Annotated[
        bool,
        typer.Option(
            "--bypass-lock", help="Also delete results that `result_lock_days` keeps. Needs an extra permission."
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
    """Permanently delete uploads in all versions, their results and heatmaps, and their failed messages.

    Without --yes the command only shows the keys. At the end it lists what it cannot reach. Exit code 4 if something
    could not be deleted.
    """
    from pneumonia.uploads.ids import is_id, upload_key
    from pneumonia_cli.client.errors import UsageProblem
    from pneumonia_cli.client.operating import purge as command
    from pneumonia_cli.client.target import Target, connect, resolve

    ids = upload or []
    if not (key or ids or prefix):
        raise UsageProblem("Specify --key, --upload or --prefix; purging everything is not supported.")
    if any(not is_id(one) for one in ids) or any(not one for one in key or []):
        raise UsageProblem("--upload must be an `id` that `POST /uploads` returned, and --key must not be empty.")
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
        typer.Option("--undo", help="Move the aliases back to the versions that CloudFormation records."),
    ] = False,
    stack: options.Stack = None,
    profile: options.Profile = None,
    region: options.Region = None,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """Move the traffic of both functions to the previous version, without a deployment.

    A second rollback goes back one more version. Buckets, queues, permissions and alarms do not change. Undo the
    rollback before the next deployment (--undo).
    """
    from pneumonia_cli.client.errors import UsageProblem
    from pneumonia_cli.client.operating import rollback as command
    from pneumonia_cli.client.target import connect, only_at_aws

    if stack is None:
        raise UsageProblem("No stack is named. Specify --stack NAME.")
    only_at_aws(stack, "versions of functions")
    with connect(stack, profile, region) as aws:
        raise typer.Exit(command.run(aws, stack, really=yes, undo=undo, shape=options.shape_of(shape, as_json)))


def _bill(
    month: Annotated[
        datetime | None,
        typer.Option(
            "--month", formats=["%Y-%m"], metavar="YYYY-MM", help="Month of the bill [default: this month so far]"
        ),
    ] = None,
    films: Annotated[
        int | None, typer.Option("--films", min=0, metavar="N", help="Estimate for N images a month, without a stack.")
    ] = None,
    megabytes: Annotated[float, typer.Option("--megabytes", min=0, help="Size of an image, with --films.")] = 1.0,
    milliseconds: Annotated[
        float, typer.Option("--milliseconds", min=0, help="Time of the worker for an image, with --films.")
    ] = 300.0,
    cdk_json: Annotated[
        Path | None,
        typer.Option("--settings", metavar="FILE", help="File with prices and settings [default: cdk.json]"),
    ] = None,
    stack: options.Stack = None,
    profile: options.Profile = None,
    region: options.Region = None,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """Estimate the cost of a stack in a month, or the cost of a number of images a month.

    The estimate uses the list prices in cdk.json, without free tier, taxes and discounts.
    """
    from pneumonia_cli.client.errors import UsageProblem
    from pneumonia_cli.client.operating import bill as command
    from pneumonia_cli.client.target import connect, only_at_aws

    settings = command.settings(cdk_json)
    if films is not None:
        expected = command.Expected(films, megabytes, milliseconds)
        raise typer.Exit(command.for_films(settings, expected, shape=options.shape_of(shape, as_json)))
    if stack is None:
        raise UsageProblem("Specify --stack NAME, or --films N for an estimate without a stack.")
    only_at_aws(stack, "bill", instead=", or --films N for an estimate")
    with connect(stack, profile, region) as aws:
        raise typer.Exit(command.of_month(aws, stack, settings, month, shape=options.shape_of(shape, as_json)))
