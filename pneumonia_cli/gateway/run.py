"""`pneumonia gateway`: run the node until SIGTERM or Ctrl-C. `status` and `retry` work on the folder of the node."""

import logging
import os
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pneumonia.errors import PneumoniaError
from pneumonia_cli.client import output
from pneumonia_cli.client.errors import EXIT_OK, EXIT_SERVICE, CliError, UsageProblem
from pneumonia_cli.client.records import print_record
from pneumonia_cli.client.shape import Shape
from pneumonia_cli.fhir_out.server import BadAddress
from pneumonia_cli.gateway.certificates import check_certificates
from pneumonia_cli.gateway.config import Config, ConfigError, load
from pneumonia_cli.gateway.destinations import destination_of
from pneumonia_cli.gateway.log import Log
from pneumonia_cli.gateway.node import open_answers, running, store_of
from pneumonia_cli.gateway.status import Status, status_of
from pneumonia_cli.gateway.store import StateInUse
from pneumonia_cli.local.stopping import stopped_by_signals, wait_for


def config_of(path: Path) -> Config:
    """Read a configuration. Raises UsageProblem."""
    try:
        return load(path)
    except ConfigError as error:
        raise UsageProblem(str(error)) from None


def run(config: Config, log: Log) -> int:
    """Run the gateway until a signal arrives. Raises UsageProblem, CliError."""
    _keep_others_quiet(log)
    try:
        check_certificates(config)
        with (
            stopped_by_signals() as stop,
            open_answers(config) as answers,
            running(config, answers, destination_of(config), log),
        ):
            wait_for(stop)
    except (StateInUse, BadAddress, ConfigError) as error:
        raise UsageProblem(str(error)) from None
    except PneumoniaError as error:
        raise CliError(error.detail) from error
    except OSError as error:
        raise UsageProblem(f"The gateway cannot start: {error.strerror or type(error).__name__}.") from None
    return EXIT_OK


def status(config: Config, *, shape: Shape) -> int:
    """Print the status of a gateway. Returns exit code 4 if it is not running or if images failed."""
    found = status_of(store_of(config))
    if shape.for_programs:
        print_record(found.to_json(), shape)
    else:
        for line in _lines(found):
            output.print_text(line)
    return EXIT_OK if found.well else EXIT_SERVICE


def retry(config: Config, *, shape: Shape) -> int:
    """Put all failed images back into the queue. A running gateway finds them within seconds."""
    store = store_of(config)
    count = sum(store.retry(job_id) for job_id in store.failed())
    if shape.for_programs:
        print_record({"retried": count}, shape)
    else:
        output.print_text(f"Failed images put back into the queue: {count}.")
    return EXIT_OK


def _lines(found: Status) -> list[str]:
    oldest = "" if found.oldest_seconds is None else f", the oldest for {found.oldest_seconds:.0f} s"
    again = " `pneumonia gateway retry` tries them again." if found.failed else ""
    return [
        "The gateway is running." if found.running else "The gateway is NOT running.",
        f"Images waiting: {found.queued}{oldest}. Waiting after a failed attempt: {found.retrying}.",
        f"Images that failed permanently: {found.failed}.{again}",
        *(f"  {one.id}  {one.stage}: {one.reason}" for one in found.failures),
    ]


def _keep_others_quiet(log: Log) -> None:
    """Silence the messages of libraries, which quote headers, UIDs and addresses. Only the gateway's log is written."""
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")

    def told(arguments: Any) -> None:
        log("thread_failed", error=arguments.exc_type.__name__)

    hook: Callable[[Any], None] = told
    threading.excepthook = hook
    os.umask(0o077)
