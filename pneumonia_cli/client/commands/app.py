"""The commands: their names, options and help. Each command is implemented in the module of the same name.

The commands import these modules when they run, so that --help and completion do not wait for boto3, moto and
onnxruntime.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from pneumonia_cli.client.commands import batches, operating, options, tokens
from pneumonia_cli.client.commands.gateway import gateway
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
    "Example: `pneumonia predict images/`\n\n"
    "Exit codes: 0 success · 2 wrong usage, or the output cannot be written · 3 some images were refused · "
    "4 service, network or credentials failed, or results are missing · 130 stopped by Ctrl-C · "
    "1 internal error of the command."
)


@app.callback(epilog=_EPILOG)
def pneumonia(_version: options.Version = False) -> None:
    """Pneumonia triage of chest X-rays, on this machine or with the deployed service.

    Research use only: triage support, never a diagnosis.
    """


@app.command(epilog="Example: `pneumonia predict images/ --json | jq .triage`")
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
    """Predict with the model on this machine. Nothing leaves the machine."""
    from pneumonia_cli.client import files as found
    from pneumonia_cli.client import predict as command
    from pneumonia_cli.client.hospital import Wanted

    images = found.find(files, exclude=[out] if out else [])
    shape = options.shape_of(shape, as_json)
    wanted = Wanted(dicom, fhir, fhir_server)
    raise typer.Exit(command.run(images, force=force, prevalence=prevalence, shape=shape, out=out, wanted=wanted))


@app.command(epilog="Example: `pneumonia serve --port 9000`")
def serve(
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port of the page and the API.")] = names.PORT,
    s3_port: Annotated[int, typer.Option("--s3-port", min=0, max=65535, help="Port of S3 and SQS.")] = names.S3_PORT,
    auth: Annotated[
        Literal["none", "token"], typer.Option("--auth", help="`token` requires a token, which the command prints.")
    ] = "none",
) -> None:
    """Run the local cloud until Ctrl-C. Other commands reach it with `--stack local`."""
    from pneumonia_cli.local import serve as command

    raise typer.Exit(command.run(port, s3_port, auth))


@app.command(epilog="Example: `pneumonia call image.png --stack PneumoniaInference`")
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
        Path | None, typer.Option("--heatmaps", metavar="FOLDER", help="Also write the heatmaps to this folder.")
    ] = None,
    jobs: options.Jobs = 4,
    wait: Annotated[
        float,
        typer.Option("--wait", min=1, metavar="SECONDS", help="How long to wait for the result of a large image."),
    ] = 120.0,
    force: options.Force = False,
    prevalence: options.Prevalence = None,
    dicom: options.Dicom = None,
    fhir: options.Fhir = None,
    fhir_server: options.FhirServer = None,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """Send images to the service and show the predictions.

    Images above 4.5 MB go through the upload bucket. All others are sent in the request.
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


@app.command(epilog="Example: `pneumonia audit images/ --labels labels.csv`")
def audit(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", exists=True, file_okay=False, help="Folder with the images. Subfolders are included."
        ),
    ],
    labels: Annotated[
        Path,
        typer.Option(
            "--labels",
            metavar="FILE",
            help="CSV file with the columns `file`, `label` (pneumonia or normal) and, if known, `patient`.",
        ),
    ],
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="FOLDER", help="Compare with the model in this folder, run on this machine."),
    ] = None,
    stack: options.Stack = None,
    url: options.Url = None,
    token: options.Token = None,
    no_sign_request: options.NoSign = False,
    profile: options.Profile = None,
    region: options.Region = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FOLDER", help="Folder to write to [default: FOLDER-audit next to FOLDER]"),
    ] = None,
    jobs: options.Jobs = 4,
    shape: options.Output = Shape.TABLE,
    as_json: options.Json = False,
) -> None:
    """Measure a model on your images and labels, and write a report.

    By default the command uses the model on this machine, and nothing leaves the machine. With --stack or --url it
    sends the images to the service and measures its model.
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


@app.command(epilog="Example: `pneumonia console --stack PneumoniaInference --open`")
def console(
    stack: options.Stack = None,
    url: options.Url = None,
    token: options.Token = None,
    no_sign_request: options.NoSign = False,
    profile: options.Profile = None,
    region: options.Region = None,
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port on 127.0.0.1. 0 selects a free port.")
    ] = 8080,
    open_browser: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    as_json: options.Json = False,
) -> None:
    """Serve the page on 127.0.0.1 until Ctrl-C, and sign every request with your credentials.

    Use it to work in the browser with a service that has auth `iam`.
    """
    from pneumonia_cli.client import console as command
    from pneumonia_cli.client.door import open_service
    from pneumonia_cli.client.target import Target, connect, resolve

    with connect(stack, profile, region) as aws:
        target = resolve(aws, stack, Target(url=url), needed=("url",))
        with open_service(target.url, aws, token, sign=not no_sign_request) as service:
            raise typer.Exit(command.run(service, port=port, open_browser=open_browser, as_json=as_json))


batches.register(app)
app.add_typer(gateway, name="gateway")
operating.register(app)
tokens.register(app)
