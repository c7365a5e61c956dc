"""The commands: their names, options and help. What they do is in the module of the same name.

Those modules are imported inside the commands: --help and completion must not wait for boto3, moto and
onnxruntime.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from pneumonia_cli.client.commands import operating, options
from pneumonia_cli.client.commands.gateway import gateway
from pneumonia_cli.client.files import MAX_IMAGE_BYTES
from pneumonia_cli.client.shape import Shape
from pneumonia_cli.local import names

app = typer.Typer(
    name="pneumonia",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)


_EPILOG = (
    "Example: `pneumonia predict films/`\n\n"
    "Exit codes: 0 all answered · 2 usage, or an output that cannot be written · 3 some images refused · "
    "4 service, network or credentials failed, or results missing · 130 stopped by Ctrl-C · "
    "1 a fault of the command itself."
)


@app.callback(epilog=_EPILOG)
def pneumonia(_version: options.Version = False) -> None:
    """Pneumonia triage of chest X-rays: on this machine, and by the deployed service.

    Research use only: triage support, never a diagnosis.
    """


@app.command(epilog="Example: `pneumonia predict films/ --json | jq .triage`")
def predict(
    files: options.Files,
    out: options.OutFile = None,
    force: options.Force = False,
    prevalence: options.Prevalence = None,
    dicom: options.Dicom = None,
    fhir: options.Fhir = None,
    fhir_server: options.FhirServer = None,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """Predict with the model of this machine; nothing leaves it."""
    from pneumonia_cli.client import files as found
    from pneumonia_cli.client import predict as command
    from pneumonia_cli.client.hospital import Wanted

    images = found.find(files, exclude=[out] if out else [])
    shape = options.shape_of(shape, as_json)
    wanted = Wanted(dicom, fhir, fhir_server)
    raise typer.Exit(command.run(images, force=force, prevalence=prevalence, shape=shape, out=out, wanted=wanted))


@app.command(epilog="Example: `pneumonia serve --port 9000`")
def serve(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Of the page and the API.")] = names.PORT,
    s3_port: Annotated[int, typer.Option("--s3-port", min=0, max=65535, help="Of S3 and SQS.")] = names.S3_PORT,
    auth: Annotated[
        Literal["none", "token"], typer.Option("--auth", help="`token` asks for one, which it prints.")
    ] = "none",
) -> None:
    """Run the local cloud until Ctrl-C; `--stack local` is the way to it."""
    from pneumonia_cli.local import serve as command

    raise typer.Exit(command.run(port, s3_port, auth))


@app.command(epilog="Example: `pneumonia call film.png --stack PneumoniaInference`")
def call(
    files: options.Files,
    stack: options.Stack = None,
    url: options.Url = None,
    token: options.Token = None,
    no_sign_request: options.NoSign = False,
    profile: options.Profile = None,
    region: options.Region = None,
    out: options.OutFile = None,
    heatmaps: Annotated[
        Path | None, typer.Option("--heatmaps", metavar="FOLDER", help="Also write the heatmaps there.")
    ] = None,
    jobs: options.Jobs = 4,
    wait: Annotated[
        float, typer.Option("--wait", min=1, metavar="SECONDS", help="For the result of one large image.")
    ] = 120.0,
    force: options.Force = False,
    prevalence: options.Prevalence = None,
    dicom: options.Dicom = None,
    fhir: options.Fhir = None,
    fhir_server: options.FhirServer = None,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """Send images to the service and show its answers.

    Images above 4.5 MB go by upload and result, all others directly.
    """
    from pneumonia_cli.client import call as command
    from pneumonia_cli.client import files as found
    from pneumonia_cli.client.door import open_service
    from pneumonia_cli.client.hospital import Wanted
    from pneumonia_cli.client.target import Target, connect, resolve

    images = found.find(files)
    chosen = command.CallOptions(
        shape=options.shape_of(shape, as_json),
        out=out,
        heatmaps=heatmaps,
        wanted=Wanted(dicom, fhir, fhir_server),
        force=force,
        prevalence=prevalence,
        jobs=jobs,
        patience_seconds=wait,
    )
    with connect(stack, profile, region) as aws:
        target = resolve(aws, stack, Target(url=url), needed=("url",))
        with open_service(target.url, aws, token, sign=not no_sign_request, connections=jobs) as service:
            raise typer.Exit(command.run(service, images, chosen))


@app.command(epilog="Example: `pneumonia audit films/ --labels labels.csv`")
def audit(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", exists=True, file_okay=False, help="Films; all files in it, and below.")
    ],
    labels: Annotated[
        Path,
        typer.Option(
            "--labels",
            metavar="FILE",
            help="CSV with the columns `file`, `label` (pneumonia or normal) and, if known, `patient`.",
        ),
    ],
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="FOLDER", help="Compare with the model of this folder, run on this machine."),
    ] = None,
    stack: options.Stack = None,
    url: options.Url = None,
    token: options.Token = None,
    no_sign_request: options.NoSign = False,
    profile: options.Profile = None,
    region: options.Region = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Where to write [default: FOLDER-audit next to FOLDER]"),
    ] = None,
    jobs: options.Jobs = 4,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """Measure a model on films of your own with labels of your own, and write a report.

    The model of this machine, or, with --stack or --url, that of the service. Nothing leaves this machine otherwise.
    """
    from pneumonia_cli.client import audit as command
    from pneumonia_cli.client.batch import folders
    from pneumonia_cli.client.door import open_service
    from pneumonia_cli.client.target import Target, connect, resolve

    out = out or folders.beside(folder, "audit")
    chosen = command.AuditOptions(labels, out, against, options.shape_of(shape, as_json))
    if stack is None and url is None:
        raise typer.Exit(command.run(command.local_judge(), folder, chosen))
    with connect(stack, profile, region) as aws:
        target = resolve(aws, stack, Target(url=url), needed=("url",))
        with open_service(target.url, aws, token, sign=not no_sign_request, connections=jobs) as service:
            raise typer.Exit(command.run(command.service_judge(service, jobs), folder, chosen))


@app.command(epilog="Example: `pneumonia submit films/ --stack PneumoniaInference --out march`")
def submit(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", exists=True, file_okay=False, help="All files in it, and below.")
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
        typer.Option("--out", metavar="FOLDER", help="Where to write [default: FOLDER-results next to FOLDER]"),
    ] = None,
    jobs: options.BatchJobs = None,
    wait: Annotated[
        float, typer.Option("--wait", min=1, metavar="SECONDS", help="Give up after so long without any news.")
    ] = 900.0,
    max_image_bytes: Annotated[
        int, typer.Option("--max-image-bytes", min=1, help="The setting `max_image_bytes` of the stack.")
    ] = MAX_IMAGE_BYTES,
    force: options.Force = False,
    prevalence: options.Prevalence = None,
    dicom: options.Dicom = None,
    fhir: options.Fhir = None,
    fhir_server: options.FhirServer = None,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """Upload a folder of films, wait for the results, and write tables and a report.

    Stopped at any time and started again, it goes on where it was and uploads nothing twice. Keys of objects
    hold neither file names nor anything else of a film.
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


@app.command(epilog="Example: `pneumonia results march --stack PneumoniaInference`")
def results(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="What `submit` wrote, or its images.")],
    prefix: Annotated[
        str | None,
        typer.Option("--prefix", metavar="PREFIX", help="All results whose upload keys begin so, into a new folder."),
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
    """Fetch what has come since a `submit` gave up or was stopped, and write its files anew."""
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


@app.command(epilog="Example: `pneumonia redrive --stack PneumoniaInference`")
def redrive(
    stack: options.Stack = None,
    profile: options.Profile = None,
    region: options.Region = None,
    queue_url: options.QueueUrl = None,
    dead_letter_queue_url: options.DeadLetterQueueUrl = None,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """Put the uploads that failed back into the queue, once what made them fail is mended."""
    from pneumonia_cli.client.operating import redrive as command
    from pneumonia_cli.client.target import Target, connect, resolve

    named = Target(queue_url=queue_url, dead_letter_queue_url=dead_letter_queue_url)
    with connect(stack, profile, region) as aws:
        target = resolve(aws, stack, named, needed=("queue_url", "dead_letter_queue_url"))
        queues = str(target.dead_letter_queue_url), str(target.queue_url)
        raise typer.Exit(command.run(aws.sqs(), *queues, shape=options.shape_of(shape, as_json)))


@app.command(epilog="Example: `pneumonia backfill --prefix films/2019/ --stack PneumoniaInference`")
def backfill(
    prefix: Annotated[
        str | None, typer.Option("--prefix", metavar="PREFIX", help='Keys begin so; "" is the whole bucket.')
    ] = None,
    inventory: Annotated[
        str | None,
        typer.Option(
            "--inventory", metavar="S3_URL", help="The manifest.json of an S3 inventory, instead of a listing."
        ),
    ] = None,
    bucket: Annotated[
        str | None,
        typer.Option("--bucket", metavar="BUCKET", help="Of the archive [default: the upload bucket]"),
    ] = None,
    execution: Annotated[
        str | None, typer.Option("--execution", metavar="NAME", help="Watch one that was started before.")
    ] = None,
    stop: Annotated[bool, typer.Option("--stop", help="Stop that one.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Watch it until it ends.")] = True,
    stack: options.Stack = None,
    profile: options.Profile = None,
    region: options.Region = None,
    upload_bucket: options.UploadBucket = None,
    results_bucket: options.ResultBucket = None,
    state_machine: options.StateMachine = None,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """Predict an archive that lies in S3 already: what has no result yet gets one.

    Nothing passes through this machine. Started twice, it predicts nothing twice; stopped watching, it goes on.
    """
    from pneumonia_cli.client.batch import backfill as command
    from pneumonia_cli.client.errors import UsageProblem
    from pneumonia_cli.client.target import Target, connect, only_at_aws, resolve

    if stop and execution is None:
        raise UsageProblem("Which one? Give --execution NAME with --stop.")
    only_at_aws(stack, "state machine")
    if execution is not None and (prefix, inventory, bucket) != (None, None, None):
        raise UsageProblem(
            "--execution is one that was started before: --prefix, --inventory and --bucket are its own."
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


@app.command(epilog="Example: `pneumonia console --stack PneumoniaInference --open`")
def console(
    stack: options.Stack = None,
    url: options.Url = None,
    token: options.Token = None,
    no_sign_request: options.NoSign = False,
    profile: options.Profile = None,
    region: options.Region = None,
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="On 127.0.0.1; 0 takes a free one.")] = 8080,
    open_browser: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    as_json: options.Json = False,
) -> None:
    """Show the page on 127.0.0.1 until Ctrl-C, with every request signed by your credentials.

    So a service with auth `iam` needs no public door to be used from a browser.
    """
    from pneumonia_cli.client import console as command
    from pneumonia_cli.client.door import open_service
    from pneumonia_cli.client.target import Target, connect, resolve

    with connect(stack, profile, region) as aws:
        target = resolve(aws, stack, Target(url=url), needed=("url",))
        with open_service(target.url, aws, token, sign=not no_sign_request) as service:
            raise typer.Exit(command.run(service, port=port, open_browser=open_browser, as_json=as_json))


app.add_typer(gateway, name="gateway")
operating.register(app)
