"""`make faults`: make uploads while faults occur, and print a table of the results.

Three instances of the worker, each in a separate process, read one queue of the local cloud. These faults occur:

- Events come late, out of order and twice. Some messages are poison.
- Calls of S3, SQS and EventBridge fail, are throttled, or are carried out without an answer.
- Instances are killed during a batch, or stall until another instance has their messages.
- Objects are removed or replaced before they are read. Some images kill the process that decodes them.

Then the faults end, the dead-letter queue is redriven, and everything is checked again.

The model is the tiny model of the tests. Its probability depends on the grey level of an image, so the probability in a
result identifies the image. All other code is the code that runs in AWS. The seed determines the uploads, the order of
events, and the faults of each instance. It does not determine how the processes take turns.
"""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from pneumonia.predictor import Predictor
from pneumonia.settings import Settings
from pneumonia.uploads.events import Upload
from pneumonia.uploads.finished_events import event_id
from pneumonia.uploads.names import JSON_SUFFIX
from pneumonia_cli.client.operating.redrive import redrive
from pneumonia_cli.client.queues import count
from pneumonia_cli.local.cloud import Cloud, local_cloud
from pneumonia_cli.local.names import RESULT_BUCKET, UPLOAD_BUCKET
from pneumonia_cli.stack.context import default_settings
from tests.conftest import TinyMember, write_artifacts
from tests.faults.cloud import BUS, POISON, Uploader, dead_letters, history, prepare, told_ids, uploads_of
from tests.faults.instance import Setup
from tests.faults.instance import main as instance_main
from tests.faults.ledger import Ledger
from tests.faults.plan import Version, plan

INSTANCES: Final = 3
VISIBILITY_SECONDS: Final = 6
STALL_SECONDS: Final = 7.0
"""How long an instance stalls: longer than the visibility timeout of the queue."""
_POISON_EVERY: Final = 50
_PATIENCE_SECONDS: Final = 1800.0

OnProgress = Callable[[int], None]


@dataclass
class Report:
    """Counts of a run, and its problems: lost, repeated or mixed-up results."""

    uploads: int
    keys: int
    poison: int
    duplicates_sent: int
    deliveries: int
    faults: Counter[str]
    predicted: int
    rejected: Counter[str]
    superseded: int
    dead: Counter[str]
    uploads_in_dead_letters: int
    dead_after_redrive: Counter[str]
    told: int
    told_again: int
    wrongs: list[str]


def bench(uploads: int, seed: int, on_progress: OnProgress = lambda count: None) -> Report:
    """Run the uploads with faults. Raises TimeoutError if the queue does not become empty."""
    settings = default_settings()
    made = plan(uploads, seed)
    with tempfile.TemporaryDirectory() as folder, local_cloud(settings) as cloud:
        model_dir = write_artifacts(Path(folder) / "model", [TinyMember()])
        told_queue = prepare(cloud, VISIBILITY_SECONDS)
        environment = {
            **{name: value for name, value in os.environ.items() if name.startswith("AWS_") or "PROXY" in name.upper()},
            "MODEL_DIR": str(model_dir),
            "RESULTS_BUCKET": RESULT_BUCKET,
            "EVENT_BUS": BUS,
            "DECODE_SECONDS": "2",
            "POWERTOOLS_LOG_LEVEL": "INFO",
        }
        setup = Setup(
            number=0,
            seed=seed,
            environment=environment,
            queue_url=cloud.queue_url,
            queue_arn=cloud.queue_arn,
            batch_size=settings.batch_size,
            folder=Path(folder),
            stall_seconds=STALL_SECONDS,
            faults=True,
        )
        ledger = Ledger(_right(model_dir, made))
        poison: set[str] = set()

        with Fleet(setup, cloud).running() as fleet:
            uploader = Uploader(cloud, seed)
            for number, version in enumerate(made):
                ledger.add(uploader.upload(version))
                if number % _POISON_EVERY == 0:
                    body = POISON[len(poison) % len(POISON)]
                    poison.add(cloud.sqs.send_message(QueueUrl=cloud.queue_url, MessageBody=body)["MessageId"])
                on_progress(1)
            uploader.finish()
            fleet.drain()
        found = Found(cloud, Path(folder))
        wrongs = [f"under faults: {why}" for why in found.wrongs(ledger)]
        dead, dead_uploads = found.reasons(), len(set(found.dead_uploads()))
        faults = found.faults()
        if dead["killer"]:
            wrongs.append(f"under faults: {dead['killer']} messages failed on an image that killed the process")

        redrive(cloud.sqs, cloud.dead_letter_queue_url, cloud.queue_url, lambda moved, of: None)
        with Fleet(replace(setup, faults=False, number=1000), cloud).running() as fleet:
            fleet.drain()
        after = Found(cloud, Path(folder))
        wrongs += [f"after the redrive: {why}" for why in after.wrongs(ledger)]
        wrongs += [f"after the redrive: {key} is in the dead-letter queue" for key, _ in after.dead_uploads()]
        if len(after.dead) != len(poison):
            wrongs.append(f"after the redrive: {len(after.dead)} messages are dead, {len(poison)} were poison")
        told = Counter(told_ids(cloud, told_queue))
        wrongs += after.untold(ledger, told)
        documents = after.final()
        return Report(
            uploads=len(made),
            keys=len(ledger.by_key),
            poison=len(poison),
            duplicates_sent=uploader.duplicates,
            deliveries=after.deliveries(),
            faults=faults,
            predicted=sum(document["status"] == "predicted" for document in documents),
            rejected=Counter(document["code"] for document in documents if document["status"] == "rejected"),
            superseded=len(made) - len(documents),
            dead=dead,
            uploads_in_dead_letters=dead_uploads,
            dead_after_redrive=after.reasons(),
            told=len(told),
            told_again=told.total() - len(told),
            wrongs=wrongs,
        )


def _right(model_dir: Path, made: Sequence[Version]) -> dict[bytes, float]:
    predictor = Predictor.load(Settings(model_dir=model_dir))
    images = {version.data for version in made if version.code is None}
    return {
        data: float(predictor.predict(data, request_id="", heatmap=False).body["pneumonia"]) for data in sorted(images)
    }


class Fleet:
    """The running instances of the worker. A new instance, with other faults, replaces an instance that dies."""

    def __init__(self, setup: Setup, cloud: Cloud) -> None:
        self._setup = setup
        self._cloud = cloud
        # Do not fork this process: its threads run the local cloud, and forking with threads is unsafe.
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload(["tests.faults.instance", "pneumonia.handlers.worker"])
        self._processes: list[ForkServerProcess] = []

    def running(self) -> "_Running":
        return _Running(self)

    def start(self) -> None:
        self._setup.stop.unlink(missing_ok=True)
        for _ in range(INSTANCES):
            self._add()

    def stop(self) -> None:
        """Stop all instances after their current batch."""
        self._setup.stop.touch()
        for process in self._processes:
            process.join()

    def drain(self) -> None:
        """Replace killed instances until the queue is empty. Raises TimeoutError."""
        end = time.monotonic() + _PATIENCE_SECONDS
        empty = 0
        while empty < 2:
            if time.monotonic() > end:
                raise TimeoutError(f"The queue is not empty after {_PATIENCE_SECONDS:g} s.")
            self.fix()
            time.sleep(0.5)
            empty = 0 if count(self._cloud.sqs, self._cloud.queue_url) else empty + 1

    def fix(self) -> None:
        """Replace the instances that were killed."""
        alive = [process for process in self._processes if process.is_alive()]
        missing, self._processes = len(self._processes) - len(alive), alive
        for _ in range(missing):
            self._add()

    def _add(self) -> None:
        process = self._context.Process(target=instance_main, args=(self._setup,), daemon=True)
        self._setup = replace(self._setup, number=self._setup.number + 1)
        process.start()
        self._processes.append(process)


class _Running:
    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    def __enter__(self) -> Fleet:
        self._fleet.start()
        return self._fleet

    def __exit__(self, *_: object) -> None:
        self._fleet.stop()


class Found:
    """The content of buckets, dead-letter queue and logs at one moment."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.history = history(cloud)
        self.dead = dead_letters(cloud)
        self._notes = list(_lines(folder, "notes-*.jsonl"))
        self._log = list(_lines(folder, "log-*.jsonl"))

    def wrongs(self, ledger: Ledger) -> Iterator[str]:
        yield from ledger.wrongs(self.history, self.dead_uploads())
        for message_id, reason in self._reason_of.items():
            if reason is None:
                yield f"message {message_id} is in the dead-letter queue without a reason"

    def dead_uploads(self) -> Iterator[tuple[str, str]]:
        for body in self.dead.values():
            yield from uploads_of(body)

    def reasons(self) -> Counter[str]:
        return Counter(reason or "?" for reason in self._reason_of.values())

    @property
    def _reason_of(self) -> dict[str, str | None]:
        """The reason why each dead message failed: from the worker's log, or the fault of the instance that held it."""
        told: dict[str, str] = {}
        for note in self._notes:
            if "delivered" not in note:
                told.update(dict.fromkeys(note["in_hand"], note.get("fault") or note["failed"]))
        for line in self._log:
            if "message_id" in line:
                told[line["message_id"]] = line["error_type"]
        return {message_id: told.get(message_id) for message_id in self.dead}

    def faults(self) -> Counter[str]:
        return Counter(note["fault"] for note in self._notes if "fault" in note)

    def deliveries(self) -> int:
        return sum(len(note.get("delivered", ())) for note in self._notes)

    def final(self) -> list[dict[str, Any]]:
        """Return the final results."""
        return [written[-1].document for key, written in self.history.items() if key.endswith(JSON_SUFFIX)]

    def untold(self, ledger: Ledger, told: Counter[str]) -> Iterator[str]:
        """Yield a text for each result that has no event on the bus."""
        for key, written in self.history.items():
            if not key.endswith(JSON_SUFFIX):
                continue
            source, order = written[-1].document["source"], written[-1].order
            upload = Upload(
                UPLOAD_BUCKET, source["key"], source["version_id"], source["etag"], source["sequencer"],
                order.event_time, None,
            )  # fmt: skip
            if not told[event_id(upload)]:
                yield f"{key}: the result has no event"


def _lines(folder: Path, pattern: str) -> Iterator[dict[str, Any]]:
    for path in sorted(folder.glob(pattern)):
        for line in path.read_text(encoding="utf-8").splitlines():
            # A killed process may leave an incomplete last line.
            if line.endswith("}"):
                yield json.loads(line)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command. The exit code is 1 if anything is wrong."""
    parser = argparse.ArgumentParser(prog="make faults", description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("--count", type=int, default=1000, help="uploads (default: 1000)")
    parser.add_argument("--seed", type=int, default=1, help="default: 1")
    arguments = parser.parse_args(argv)
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("Uploading", total=arguments.count)
        report = bench(arguments.count, arguments.seed, lambda count: progress.advance(task, count))
    console.print(_table(report))
    for why in report.wrongs[:50]:
        console.print(why, style="red", markup=False)
    console.print(
        f"{len(report.wrongs)} wrong of {report.uploads} uploads, seed {arguments.seed}",
        style="red" if report.wrongs else "green",
    )
    return 1 if report.wrongs else 0


def _table(report: Report) -> Table:
    table = Table(show_header=False, box=None)
    table.add_column(justify="right")
    table.add_column()

    def rows(*found: tuple[int, str], style: str = "") -> None:
        for number, what in found:
            table.add_row(str(number), what, style=style)

    rows(
        (report.uploads, f"uploads under {report.keys} keys"),
        (report.duplicates_sent, "events sent twice"),
        (report.poison, "poison messages"),
        (report.deliveries, "messages delivered to the worker"),
        (report.faults.total(), "faults in calls and instances:"),
    )
    rows(*((number, f"  {fault}") for fault, number in report.faults.most_common()))
    rows(
        (report.dead.total(), f"messages in the dead-letter queue, of {report.uploads_in_dead_letters} uploads:"),
        *((number, f"  {reason}") for reason, number in report.dead.most_common()),
        (report.dead_after_redrive.total(), "of them after a redrive without faults:"),
        *((number, f"  {reason}") for reason, number in report.dead_after_redrive.most_common()),
        (report.predicted, "results predicted"),
        (report.rejected.total(), "results rejected:"),
        *((number, f"  {code}") for code, number in report.rejected.most_common()),
        (report.superseded, "uploads replaced by a newer one with the same key"),
        (report.told, f"results with an event, {report.told_again} repeated events"),
    )
    return table


if __name__ == "__main__":
    sys.exit(main())
