"""The commands for batches: folders of images, and archives in S3. `pneumonia_cli/client/batch/` implements them.

The commands import modules when they run, as in pneumonia_cli/client/commands/app.py.
"""

from pathlib import Path
from typing import Annotated

import typer

from pneumonia_cli.client.commands import options
from pneumonia_cli.client.files import MAX_IMAGE_BYTES
from pneumonia_cli.client.shape import Shape


def register(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    for command, example in (
        (_submit, "pneumonia submit images/ --stack PneumoniaInference --out march"),
        (_results, "pneumonia results march --stack PneumoniaInference"),
        (_redrive, "pneumonia redrive --stack PneumoniaInference"),
        (_backfill, "pneumonia backfill --prefix images/2019/ --stack PneumoniaInference"),
    ):
        app.command(command.__name__.removeprefix("_"), epilog=f"Example: `{example}`")(command)


def _submit(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", exists=True, file_okay=False, help="Folder with the images. Subfolders are included."
        ),
    ],
    stack: options.Stack = None,
    url: options.Url = None,
    token: options.Token = None,
    no_sign_request: options.NoSign = False,
    profile: options.Profile = None,
    region: options.Region = None,
    upload_bucket: options.UploadBucket = None,
    results_bucket: options.ResultBucket = None,
    queue_url: options.QueueUrl = None,
    dead_letter_queue_url: options.DeadLetterQueueUrl = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Folder to write to [default: FOLDER-results next to FOLDER]"),
    ] = None,
    jobs: options.BatchJobs = None,
    wait: Annotated[
        float, typer.Option("--wait", min=1, metavar="SECONDS", help="Stop after this time without a new result.")
    ] = 900.0,
    max_image_bytes: Annotated[
        int, typer.Option("--max-image-bytes", min=1, help="Value of the stack's setting `max_image_bytes`.")
    ] = MAX_IMAGE_BYTES,
    force: options.Force = False,
    prevalence: options.Prevalence = None,
    dicom: options.Dicom = None,
    fhir: options.Fhir = None,
    fhir_server: options.FhirServer = None,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """Upload a folder of images, wait for the results, and write tables and a report.

    You can stop the command at any time. The same command continues where it stopped and uploads nothing twice.
    S3 keys contain no file names and no other data from an image.
    """
    from pneumonia_cli.client.batch import folders
    from pneumonia_cli.client.batch import submit as command
    from pneumonia_cli.client.batch.pipeline import BatchOptions
    from pneumonia_cli.client.batch.places import open_batch
    from pneumonia_cli.client.hospital import Wanted
    from pneumonia_cli.client.target import Target, connect, jobs_for, unanswered_for

    named = Target(url, upload_bucket, results_bucket, queue_url, dead_letter_queue_url)
    at_once = jobs_for(stack, jobs)
    chosen = BatchOptions(
        out=out or folders.results_of(folder),
        jobs=at_once,
        unanswered=unanswered_for(stack),
        patience_seconds=wait,
        max_bytes=max_image_bytes,
        force=force,
        prevalence=prevalence,
        wanted=Wanted(dicom, fhir, fhir_server),
        shape=options.shape_of(shape, as_json),
    )
    with connect(stack, profile, region) as aws:
        sign, connections = not no_sign_request, at_once + 4
        places, service = open_batch(aws, stack, named, token, sign=sign, connections=connections, uploads=True)
        with service:
            raise typer.Exit(command.run(places, service.card, folder, chosen))


def _results(
    out: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", help="Folder that `submit` wrote, or its folder of images. With --prefix: a new folder."
        ),
    ],
    prefix: Annotated[
        str | None,
        typer.Option(
            "--prefix", metavar="PREFIX", help="Fetch all results whose upload keys start with this, into a new folder."
        ),
    ] = None,
    stack: options.Stack = None,
    url: options.Url = None,
    token: options.Token = None,
    no_sign_request: options.NoSign = False,
    profile: options.Profile = None,
    region: options.Region = None,
    results_bucket: options.ResultBucket = None,
    jobs: options.BatchJobs = None,
    prevalence: options.Prevalence = None,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """Fetch results that arrived after `submit` ended, and write the tables and the report again."""
    from pneumonia_cli.client.batch import folders
    from pneumonia_cli.client.batch import late_results as command
    from pneumonia_cli.client.batch.pipeline import BatchOptions
    from pneumonia_cli.client.batch.places import open_batch
    from pneumonia_cli.client.target import Target, connect, jobs_for

    named = Target(url=url, result_bucket=results_bucket)
    at_once = jobs_for(stack, jobs)
    if prefix is None:
        out = folders.batch_at(out)
    chosen = BatchOptions(out=out, jobs=at_once, prevalence=prevalence, shape=options.shape_of(shape, as_json))
    with connect(stack, profile, region) as aws:
        sign = not no_sign_request
        places, service = open_batch(aws, stack, named, token, sign=sign, connections=at_once, uploads=False)
        with service:
            if prefix is None:
                raise typer.Exit(command.of_batch(places, service.card, chosen))
            raise typer.Exit(command.of_prefix(places, service.card, prefix, chosen))


def _redrive(
    stack: options.Stack = None,
    profile: options.Profile = None,
    region: options.Region = None,
    queue_url: options.QueueUrl = None,
    dead_letter_queue_url: options.DeadLetterQueueUrl = None,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """Put failed uploads back into the queue. Fix the cause first."""
    from pneumonia_cli.client.operating import redrive as command
    from pneumonia_cli.client.target import Target, connect, resolve

    named = Target(queue_url=queue_url, dead_letter_queue_url=dead_letter_queue_url)
    with connect(stack, profile, region) as aws:
        target = resolve(aws, stack, named, needed=("queue_url", "dead_letter_queue_url"))
        queues = str(target.dead_letter_queue_url), str(target.queue_url)
        raise typer.Exit(command.run(aws.sqs(), *queues, shape=options.shape_of(shape, as_json)))


def _backfill(
    prefix: Annotated[
        str | None, typer.Option("--prefix", metavar="PREFIX", help='Start of the keys; "" selects the whole bucket.')
    ] = None,
    inventory: Annotated[
        str | None,
        typer.Option(
            "--inventory", metavar="S3_URL", help="manifest.json of an S3 inventory, used instead of a listing."
        ),
    ] = None,
    bucket: Annotated[
        str | None,
        typer.Option("--bucket", metavar="BUCKET", help="Bucket of the archive [default: the upload bucket]"),
    ] = None,
    execution: Annotated[
        str | None, typer.Option("--execution", metavar="NAME", help="Watch a backfill that was started before.")
    ] = None,
    stop: Annotated[bool, typer.Option("--stop", help="Stop the backfill named with --execution.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Watch the backfill until it ends.")] = True,
    stack: options.Stack = None,
    profile: options.Profile = None,
    region: options.Region = None,
    upload_bucket: options.UploadBucket = None,
    results_bucket: options.ResultBucket = None,
    state_machine: options.StateMachine = None,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """Predict the images of an archive in S3 that have no result yet.

    The images do not pass through this machine. A second backfill predicts nothing twice. Ctrl-C stops only the
    watching: the backfill continues.
    """
    from pneumonia_cli.client.batch import backfill as command
    from pneumonia_cli.client.errors import UsageProblem
    from pneumonia_cli.client.target import Target, connect, only_at_aws, resolve

    if stop and execution is None:
        raise UsageProblem("--stop needs --execution NAME.")
    only_at_aws(stack, "state machine")
    if execution is not None and (prefix, inventory, bucket) != (None, None, None):
        raise UsageProblem(
            "--execution names a backfill that was started before. Leave out --prefix, --inventory and --bucket."
        )
    named = Target(upload_bucket=upload_bucket, result_bucket=results_bucket, state_machine_arn=state_machine)
    with connect(stack, profile, region) as aws:
        needed = ("upload_bucket", "result_bucket", "state_machine_arn")
        target = resolve(aws, stack, named, needed=needed, useful=("backfill_sources",))
        machine = command.Machine(
            aws.client("stepfunctions"), aws.s3(), str(target.state_machine_arn), str(target.result_bucket)
        )
        if stop and execution is not None:
            raise typer.Exit(command.stop(machine, execution, shape=options.shape_of(shape, as_json)))
        if execution is not None:
            raise typer.Exit(command.watch(machine, execution, shape=options.shape_of(shape, as_json)))
        archive = command.archive(bucket, prefix, inventory, str(target.upload_bucket), target.backfill_sources)
        raise typer.Exit(command.run(machine, archive, wait=wait, shape=options.shape_of(shape, as_json)))
