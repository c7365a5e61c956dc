"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from pneumonia.prevalence import HIGHEST, LOWEST
from pneumonia_cli.client.errors import UsageProblem
from pneumonia_cli.client.shape import Shape

SERVICE_PANEL = "Service"
PARTS_PANEL = "Service without a stack"
OPERATING_PANEL = "Operating a stack"


def _unless_a_stack_is_named(context: typer.Context, url: str | None) -> str | None:
    """Return the URL, or None if it comes from the environment and the command line names a stack in AWS."""
    from pneumonia_cli.client.target import LOCAL_STACK  # imports boto3: --help must not wait for it

    if _source(context, "url") != "ENVIRONMENT" or _source(context, "stack") != "COMMANDLINE":
        return url
    return url if context.params.get("stack") == LOCAL_STACK else None


def _source(context: typer.Context, option: str) -> str | None:
    source = context.get_parameter_source(option)
    return None if source is None else source.name


Stack = Annotated[
    str | None,
    typer.Option(
        "--stack",
        envvar="PNEUMONIA_STACK",
        metavar="NAME",
        help="Name of the CloudFormation stack. `local` is the local cloud of `pneumonia serve`.",
        rich_help_panel=SERVICE_PANEL,
    ),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="PNEUMONIA_URL",
        metavar="URL",
        help="URL of the service.",
        rich_help_panel=SERVICE_PANEL,
        callback=_unless_a_stack_is_named,
    ),
]
Token = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="PNEUMONIA_TOKEN",
        metavar="TOKEN",
        help="Token for a service with auth `token`. Prefer the variable: other users can read a command line.",
        show_default=False,
        rich_help_panel=SERVICE_PANEL,
    ),
]
NoSign = Annotated[
    bool,
    typer.Option(
        "--no-sign-request",
        help="Do not sign requests. Use it for a service with auth `none`.",
        rich_help_panel=SERVICE_PANEL,
    ),
]
Profile = Annotated[
    str | None,
    typer.Option("--profile", metavar="NAME", help="AWS profile.", rich_help_panel=SERVICE_PANEL),
]
Region = Annotated[
    str | None,
    typer.Option("--region", metavar="REGION", help="AWS region of the stack.", rich_help_panel=SERVICE_PANEL),
]
UploadBucket = Annotated[
    str | None,
    typer.Option("--upload-bucket", metavar="BUCKET", help="Upload bucket.", rich_help_panel=PARTS_PANEL),
]
ResultBucket = Annotated[
    str | None,
    typer.Option("--results-bucket", metavar="BUCKET", help="Results bucket.", rich_help_panel=PARTS_PANEL),
]
QueueUrl = Annotated[
    str | None, typer.Option("--queue-url", metavar="URL", help="Upload queue.", rich_help_panel=PARTS_PANEL)
]
DeadLetterQueueUrl = Annotated[
    str | None,
    typer.Option("--dead-letter-queue-url", metavar="URL", help="Dead-letter queue.", rich_help_panel=PARTS_PANEL),
]
StateMachine = Annotated[
    str | None,
    typer.Option("--state-machine", metavar="ARN", help="State machine of backfills.", rich_help_panel=PARTS_PANEL),
]

Force = Annotated[
    bool,
    typer.Option(
        "--force",
        help="Also predict images that do not look like an upright chest X-ray. Their results have a warning.",
    ),
]
Prevalence = Annotated[
    float | None,
    typer.Option(
        "--prevalence",
        min=LOWEST,
        max=HIGHEST,
        metavar="SHARE",
        help="Also return the probability for a group of X-rays in which this share shows pneumonia, such as 0.1.",
    ),
]
Output = Annotated[
    Shape,
    typer.Option("--output", help="Format of standard output: tables for people, or only JSON or CSV for programs."),
]
Json = Annotated[bool, typer.Option("--json", help="Same as `--output json`.", show_default=False)]


def _print_versions(wanted: bool) -> None:
    if wanted:
        from pneumonia_cli.client.versions import versions

        for name, version in versions().items():
            print(name, version)
        raise typer.Exit


Version = Annotated[
    bool,
    typer.Option(
        "--version",
        callback=_print_versions,
        is_eager=True,
        show_default=False,
        help="Show the versions of the command, the model and the API.",
    ),
]
Yes = Annotated[
    bool, typer.Option("--yes", help="Make the change. Without it, the command only shows what it would do.")
]
Files = Annotated[
    list[str], typer.Argument(metavar="FILES...", help="Files, folders or quoted patterns.", show_default=False)
]
Dicom = Annotated[
    Path | None,
    typer.Option(
        "--dicom",
        metavar="FOLDER",
        help="Also write DICOM results to this folder: a secondary capture (SC) and a report (SR) in the study of each "
        "DICOM image. Needs the extra `hospital`.",
    ),
]
Fhir = Annotated[
    Path | None,
    typer.Option(
        "--fhir",
        metavar="FOLDER",
        help="Also write a FHIR R4B transaction to this folder for each predicted DICOM image: report, observations, "
        "model. It contains the patient data of the image.",
    ),
]
FhirServer = Annotated[
    str | None,
    typer.Option(
        "--fhir-server",
        metavar="URL",
        help="Also post each transaction to this FHIR server. PNEUMONIA_FHIR_TOKEN can hold a bearer token.",
    ),
]
OutFile = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Also write one line of JSON for each image.")
]
BatchJobs = Annotated[
    int | None,
    typer.Option("--jobs", min=1, max=64, help="Parallel requests [default: 16, or 4 to the local cloud]"),
]
Jobs = Annotated[int, typer.Option("--jobs", min=1, max=64, help="Parallel requests.")]


def shape_of(output: Shape, as_json: bool) -> Shape:
    """Return the shape that `--output` and `--json` ask for. Raises UsageProblem if they contradict each other."""
    if as_json and output is Shape.CSV:
        raise UsageProblem("--json and --output csv contradict each other. Use one of them.")
    return Shape.JSON if as_json else output
