"""`pneumonia status`: show the health of the service, its queues and its active alarms."""

from dataclasses import dataclass
from typing import Any

from rich.table import Table
from rich.text import Text

from pneumonia_cli.client import output
from pneumonia_cli.client.aws import Aws, errors_in_words
from pneumonia_cli.client.errors import EXIT_OK, EXIT_SERVICE, ServiceError
from pneumonia_cli.client.queues import count
from pneumonia_cli.client.records import print_record
from pneumonia_cli.client.service import Service
from pneumonia_cli.client.shape import Shape
from pneumonia_cli.client.target import Target
from pneumonia_cli.reporting.printable import printable


@dataclass(frozen=True)
class Status:
    """The state of a service. `healthy`: GET /health returned status 200. The counts of messages are approximate."""

    healthy: bool
    detail: str
    waiting: int
    dead_letters: int
    alarms: tuple[str, ...]

    @property
    def well(self) -> bool:
        return self.healthy and not self.dead_letters and not self.alarms


def run(aws: Aws, service: Service, stack: str, target: Target, *, shape: Shape = Shape.TABLE) -> int:
    """Print the status and return the exit code: 0 if all is well, else 4. Raises ServiceError."""
    healthy, detail = health(service)
    with errors_in_words("The queues and alarms"):
        sqs = aws.sqs()
        status = Status(
            healthy,
            detail,
            count(sqs, str(target.queue_url)),
            count(sqs, str(target.dead_letter_queue_url)),
            alarms(aws.client("cloudwatch"), stack),
        )
    if shape.for_programs:
        print_record(
            {
                "well": status.well,
                "healthy": status.healthy,
                "detail": status.detail,
                "waiting": status.waiting,
                "dead_letters": status.dead_letters,
                "alarms": list(status.alarms),
            },
            shape,
        )
    else:
        _tell(status)
    return EXIT_OK if status.well else EXIT_SERVICE


def health(service: Service) -> tuple[bool, str]:
    """Return whether the model works, and the detail that the service gave."""
    try:
        response = service.send("GET", "/health")
        answer: dict[str, Any] = response.json()
    except (ServiceError, ValueError) as error:
        return False, str(error)
    if not response.ok:
        return False, f"HTTP {response.status_code}: {answer.get('detail', 'no reason was given')}"
    model = answer.get("model", {})
    return True, f"{model.get('name', 'model')} {model.get('version', '')}".strip()


def alarms(cloudwatch: Any, stack: str) -> tuple[str, ...]:
    """Return the names of the stack's active alarms. All names start with the name of the stack."""
    pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=f"{stack}-", StateValue="ALARM")
    found = [alarm for page in pages for alarm in page.get("MetricAlarms", [])]
    # Filtered again here, because moto ignores the state if there is a prefix.
    return tuple(sorted(alarm["AlarmName"] for alarm in found if alarm["StateValue"] == "ALARM"))


def _tell(status: Status) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_row("Health", printable(status.detail if status.healthy else f"FAILED: {status.detail}"))
    table.add_row("Waiting uploads", str(status.waiting))
    table.add_row("Dead letters", str(status.dead_letters))
    table.add_row("Alarms", Text("\n").join(map(printable, status.alarms)) if status.alarms else "none active")
    output.stdout.print(table)
