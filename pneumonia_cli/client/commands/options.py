"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from pneumonia.prevalence import HIGHEST, LOWEST
from pneumonia_cli.client.errors import UsageProblem
from pneumonia_cli.client.shape import Shape

SERVICE_PANEL = "Which service"
PARTS_PANEL = "Parts of a service without its stack"
OPERATING_PANEL = "Operating a stack"


def _unless_a_stack_is_named(context: typer.Context, url: str | None) -> str | None:
    """The address, unless the environment gives it and the command line names a stack in AWS: that stack is meant."""
    from pneumonia_cli.client.target import LOCAL_STACK  # brings boto3, which --help does not wait for

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
        help="CloudFormation stack; `local` is the local cloud of `pneumonia serve`.",
        rich_help_panel=SERVICE_PANEL,
    ),
]
Url = Annotated[
    str | None,
    typer.Option(
        "--url",
        envvar="PNEUMONIA_URL",
        metavar="URL",
        help="Address of the service.",
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
        help="For a service with auth `token`. Better in the variable: a command line can be read by others.",
        show_default=False,
        rich_help_panel=SERVICE_PANEL,
    ),
]
NoSign = Annotated[
    bool,
    typer.Option(
        "--no-sign-request",
        help="Send no AWS signature: for a service with auth `none`.",
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
    typer.Option("--upload-bucket", metavar="BUCKET", help="Its upload bucket.", rich_help_panel=PARTS_PANEL),
]
ResultBucket = Annotated[
    str | None,
    typer.Option("--results-bucket", metavar="BUCKET", help="Its results bucket.", rich_help_panel=PARTS_PANEL),
]
QueueUrl = Annotated[
    str | None, typer.Option("--queue-url", metavar="URL", help="Its upload queue.", rich_help_panel=PARTS_PANEL)
]
DeadLetterQueueUrl = Annotated[
    str | None,
    typer.Option("--dead-letter-queue-url", metavar="URL", help="Its dead-letter queue.", rich_help_panel=PARTS_PANEL),
]
StateMachine = Annotated[
    str | None,
    typer.Option("--state-machine", metavar="ARN", help="Its state machine.", rich_help_panel=PARTS_PANEL),
]

Force = Annotated[
    bool, typer.Option("--force", help="Predict what does not look like an upright chest X-ray, with a warning.")
]
Prevalence = Annotated[
    float | None,
    typer.Option(
        "--prevalence",
        min=LOWEST,
        max=HIGHEST,
        metavar="SHARE",
        help="Also give the probability for films of which this share shows pneumonia, such as 0.1.",
    ),
]
Output = Annotated[
    Shape,
    typer.Option("--output", help="What standard output holds: tables for people, or only JSON or CSV for programs."),
]
Json = Annotated[bool, typer.Option("--json", help="The same as `--output json`.", show_default=False)]


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
        help="Show the versions of the command, its model and its API.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do it; without, the command only says what it would do.")]
Files = Annotated[
    list[str], typer.Argument(metavar="FILES...", help="Files, folders or quoted patterns.", show_default=False)
]
Dicom = Annotated[
    Path | None,
    typer.Option(
        "--dicom",
        metavar="FOLDER",
        help="Also write results as DICOM there: a picture (SC) and a report (SR) in the study of each DICOM film. "
        "Needs the extra `hospital`.",
    ),
]
Fhir = Annotated[
    Path | None,
    typer.Option(
        "--fhir",
        metavar="FOLDER",
        help="Also write a FHIR R4B transaction there for each predicted DICOM image: report, observations, model. "
        "It names the patient as the image does.",
    ),
]
FhirServer = Annotated[
    str | None,
    typer.Option(
        "--fhir-server",
        metavar="URL",
        help="Also post each to this FHIR server, with the bearer token in PNEUMONIA_FHIR_TOKEN, if there is one.",
    ),
]
OutFile = Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Also write one line of JSON an image.")]
BatchJobs = Annotated[
    int | None,
    typer.Option("--jobs", min=1, max=64, help="Requests at once [default: 16, or 4 to the local cloud]"),
]
Jobs = Annotated[int, typer.Option("--jobs", min=1, max=64, help="Requests at once.")]


def shape_of(output: Shape, as_json: bool) -> Shape:
    """The shape that `--output` and `--json` ask for together. Raises UsageProblem if they contradict each other."""
    if as_json and output is Shape.CSV:
        raise UsageProblem("--json is --output json: give it without --output csv.")
    return Shape.JSON if as_json else output
