"""`pneumonia backfill`: start the state machine for an archive, watch it, and show its summary."""

import contextlib
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from rich.progress import Progress
from rich.text import Text

from pneumonia.backfill.summary import SUMMARY_FILE
from pneumonia.uploads.names import RUNS
from pneumonia_cli.client import output
from pneumonia_cli.client.aws import error_code, errors_in_words
from pneumonia_cli.client.errors import EXIT_STOPPED, UPDATE, ServiceError, UsageProblem, exit_code
from pneumonia_cli.client.records import print_record
from pneumonia_cli.client.shape import Shape
from pneumonia_cli.reporting.printable import printable
from pneumonia_cli.reporting.tables import STYLES
from pneumonia_cli.reporting.verdict import GROUPS, WORDS

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_stepfunctions import SFNClient

_LOOK_EVERY_SECONDS = 5.0
_MANIFEST = "manifest.json"
_GONE = frozenset({"NoSuchKey", "404", "AccessDenied", "403"})


@dataclass(frozen=True)
class Archive:
    """The images to predict. `inventory`: (bucket, key) of the manifest; None to list the bucket instead."""

    bucket: str
    prefix: str = ""
    inventory: tuple[str, str] | None = None

    @property
    def given(self) -> dict[str, Any]:
        """The input of the state machine."""
        given: dict[str, Any] = {"bucket": self.bucket, "prefix": self.prefix}
        if self.inventory is not None:
            given["inventory"] = {"bucket": self.inventory[0], "key": self.inventory[1]}
        return given


@dataclass(frozen=True)
class Machine:
    """The state machine of a stack, and the bucket to which it writes its summaries."""

    sfn: "SFNClient"
    s3: "S3Client"
    arn: str
    result_bucket: str

    def execution_arn(self, name: str) -> str:
        return f"{self.arn.replace(':stateMachine:', ':execution:')}:{name}"


def archive(
    bucket: str | None, prefix: str | None, inventory: str | None, upload_bucket: str, sources: str | None
) -> Archive:
    """Return the archive that the options name. Raises UsageProblem.

    `sources`: the value of the stack's output with the places that the stack may read; None if not known.
    """
    if prefix is None and inventory is None and bucket is None:
        raise UsageProblem('Specify --prefix PREFIX ("" for the whole bucket), --inventory, or --bucket.')
    manifest = None if inventory is None else _manifest(inventory)
    chosen = Archive(bucket or upload_bucket, prefix or "", manifest)
    if sources is not None:
        _check(chosen.bucket, chosen.prefix, sources, "images")
        if manifest is not None:
            _check(*manifest, sources, "inventories")
    return chosen


def _manifest(url: str) -> tuple[str, str]:
    bucket, slash, key = url.removeprefix("s3://").partition("/")
    if not url.startswith("s3://") or not slash or key.rpartition("/")[2] != _MANIFEST:
        raise UsageProblem(f"--inventory must be the manifest of an S3 inventory: s3://BUCKET/…/{_MANIFEST}.")
    return bucket, key


def _check(bucket: str, name: str, sources: str, what: str) -> None:
    for source in sources.split(","):
        allowed, _, prefix = source.partition("/")
        if bucket == allowed and name.startswith(prefix):
            return
    place = f"{bucket}/{name}" if name else bucket
    raise UsageProblem(
        f"The stack has no permission to read {what} from {place}, only from {sources}. Add the place to the setting "
        "backfill_archives and deploy (docs/backfill.md)."
    )


def run(machine: Machine, archive: Archive, *, wait: bool, shape: Shape) -> int:
    """Start a backfill, or join the running backfill of the same archive, and return the exit code."""
    with errors_in_words("The state machine"):
        name = _running(machine, archive)
        started = name is None
        if name is None:
            name = f"backfill-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{secrets.token_hex(3)}"
            machine.sfn.start_execution(stateMachineArn=machine.arn, name=name, input=json.dumps(archive.given))
    if not shape.for_programs:
        told = "Started" if started else "A backfill of this archive is already running:"
        output.stderr.print(printable(f"{told} {name}"))
    if wait:
        return watch(machine, name, shape=shape)
    if shape.for_programs:
        print_record({"execution": name, "started": started}, shape)
    else:
        output.print_text(f"The backfill continues in AWS. To watch it: pneumonia backfill --execution {name}")
    return 0


def _running(machine: Machine, archive: Archive) -> str | None:
    """Return the name of a running execution for the same archive. A second execution would repeat the work."""
    pages = machine.sfn.get_paginator("list_executions").paginate(stateMachineArn=machine.arn, statusFilter="RUNNING")
    for page in pages:
        for found in page["executions"]:
            described = machine.sfn.describe_execution(executionArn=found["executionArn"])
            if json.loads(described.get("input", "{}")) == archive.given:
                return found["name"]
    return None


def watch(machine: Machine, name: str, *, shape: Shape) -> int:
    """Show the progress until the backfill ends, then its summary, and return the exit code.

    Ctrl-C stops only the watching.
    """
    try:
        with output.progress(quiet=shape.for_programs) as bars, errors_in_words(f"The backfill {name}"):
            status = _follow(machine, machine.execution_arn(name), bars)
    except KeyboardInterrupt:
        told = f"The backfill continues in AWS. To watch it again: pneumonia backfill --execution {name}"
        output.stderr.print(printable(told, "bold yellow"))
        return EXIT_STOPPED
    summary = _summary(machine, name)
    if shape.for_programs:
        print_record({"execution": name, "status": status, "summary": summary}, shape)
    else:
        _show(machine, name, status, summary)
    if status != "SUCCEEDED" or summary is None:
        return exit_code(0, missing=1)
    counts = summary["counts"]
    return exit_code(counts["rejected"], missing=counts["failed"] + sum(summary["unfinished"].values()))


def stop(machine: Machine, name: str, *, shape: Shape) -> int:
    """Stop a backfill, and return the exit code. Batches that are running are finished."""
    with errors_in_words(f"The backfill {name}"):
        machine.sfn.stop_execution(executionArn=machine.execution_arn(name))
    if shape.for_programs:
        print_record({"execution": name, "stopped": True}, shape)
    else:
        output.stdout.print("Stopped. The results stay. Start the backfill again to predict the remaining images.")
    return 0


def _follow(machine: Machine, execution: str, bars: Progress) -> str:
    """Show the progress until the execution ends, and return its status."""
    task = bars.add_task("Images", total=None)
    map_run = None
    while True:
        status = str(machine.sfn.describe_execution(executionArn=execution)["status"])
        if map_run is None:
            found = machine.sfn.list_map_runs(executionArn=execution)["mapRuns"]
            map_run = found[0]["mapRunArn"] if found else None
        if map_run is not None:
            counts = machine.sfn.describe_map_run(mapRunArn=map_run)["itemCounts"]
            lost = counts["failed"] + counts["timedOut"] + counts["aborted"]
            bars.update(
                task,
                # The total grows until the listing is complete.
                total=counts["total"],
                completed=counts["succeeded"] + lost,
                description=f"Images, {lost} failed" if lost else "Images",
            )
        if status != "RUNNING":
            return status
        time.sleep(_LOOK_EVERY_SECONDS)


def _summary(machine: Machine, name: str) -> dict[str, Any] | None:
    """Return the summary, or None if there is none, as after a stop."""
    key = f"{RUNS}{name}/{SUMMARY_FILE}"
    with errors_in_words("The summary in S3"):
        try:
            with contextlib.closing(machine.s3.get_object(Bucket=machine.result_bucket, Key=key)["Body"]) as body:
                text = body.read()
        except ClientError as error:
            if error_code(error) in _GONE:
                return None
            raise
    try:
        summary: dict[str, Any] = json.loads(text)
        return summary
    except ValueError:
        raise ServiceError(f"The summary {key} in the results bucket cannot be read. {UPDATE}") from None


def _show(machine: Machine, name: str, status: str, summary: Mapping[str, Any] | None) -> None:
    if summary is None:
        output.print_text(
            f"{name} ended with the status {status} and without a summary. Existing results stay. Start the "
            "backfill again to predict the remaining images."
        )
        return
    counts = summary["counts"]
    told = Text()
    groups = counts.get("groups") or counts["triage"]  # summaries of earlier versions have only the triage
    for group, word in GROUPS.items():
        if group in WORDS or group in groups:
            told.append(f"{groups.get(group, 0):>9,} {word}\n", style=STYLES[group])
    told.append(f"{counts['rejected']:>9,} refused\n")
    for reason, number in counts["skipped"].items():
        told.append(printable(f"{number:>9,} skipped: {reason.replace('_', ' ')}")).append("\n")
    lost = counts["failed"] + sum(summary["unfinished"].values())
    told.append(f"{lost:>9,} failed or not reached\n", style="bold red" if lost else "")
    total = counts["items"] + sum(summary["unfinished"].values())
    told.append(f"{total:>9,} objects in total, {counts['already_there']:,} of them already had a result\n")
    if counts["codes"]:
        told.append("\nCodes of refusals and failures: ")
        told.append(printable(", ".join(f"{code} {number:,}" for code, number in counts["codes"].items()))).append("\n")
    if status != "SUCCEEDED":
        errors = ", ".join(summary["batch_errors"]) or "none"
        ended = f"Ended as {status}: {summary['error'] or 'too many failures'}. Errors of batches: {errors}. "
        told.append("\n").append(printable(f"{ended}See docs/backfill.md for what to do.", "bold red")).append("\n")
    told.append("\n").append(printable(f"s3://{machine.result_bucket}/{RUNS}{name}/{SUMMARY_FILE}"))
    output.stdout.print(told, soft_wrap=True)
