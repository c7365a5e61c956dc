"""Build a gateway from its configuration, start it and stop it."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pneumonia.predictor import process_predictor
from pneumonia_cli.client.door import open_service
from pneumonia_cli.client.target import Target, connect, resolve
from pneumonia_cli.gateway.answers import Answers, LocalModel, RemoteService
from pneumonia_cli.gateway.config import Config
from pneumonia_cli.gateway.deliver import Destination
from pneumonia_cli.gateway.log import Log
from pneumonia_cli.gateway.metrics import Metrics
from pneumonia_cli.gateway.poll import Poller
from pneumonia_cli.gateway.pseudonyms import Pseudonyms
from pneumonia_cli.gateway.receive import Receiver
from pneumonia_cli.gateway.reports import Reports
from pneumonia_cli.gateway.retry import Backoff
from pneumonia_cli.gateway.schedule import Schedule
from pneumonia_cli.gateway.store import Store
from pneumonia_cli.gateway.web import web_client
from pneumonia_cli.gateway.worker import Worker
from pneumonia_cli.local.environment import export_defaults

_TOKEN_VARIABLE = "PNEUMONIA_TOKEN"  # noqa: S105 - a name  # nosec B105


def store_of(config: Config) -> Store:
    """Return the queue of a configuration, not yet opened."""
    limits = config.limits
    return Store(config.state, max_queued=limits.max_queued, min_free_bytes=limits.min_free_mb * 1_000_000)


@contextmanager
def open_answers(config: Config) -> Iterator[Answers]:
    """Yield the source of predictions. Raises CliError, ModelError."""
    predict = config.predict
    if predict.by == "local":
        export_defaults(os.environ)
        yield LocalModel(process_predictor(), force=predict.force)
        return
    stack = predict.stack or None
    with connect(stack, predict.profile or None, predict.region or None) as aws:
        target = resolve(aws, stack, Target(url=predict.url or None), needed=("url",))
        token = os.environ.get(_TOKEN_VARIABLE)
        workers = config.limits.workers
        with open_service(target.url, aws, token, sign=not predict.no_sign_request, connections=workers) as service:
            yield RemoteService(service, force=predict.force, patience_seconds=predict.patience_seconds)


@contextmanager
def running(
    config: Config, answers: Answers, destination: Destination, log: Log, metrics: Metrics | None = None
) -> Iterator[int]:
    """Run a gateway during a `with` block. Yields the port of its node. Raises StateInUse, OSError."""
    metrics = metrics or Metrics()
    store = store_of(config)
    max_image_bytes = config.limits.max_image_mb * 1_000_000
    with ExitStack() as stack:
        store.open()
        stack.callback(store.close)
        pseudonyms = Pseudonyms.of_folder(config.state)
        schedule = Schedule(
            store, _worker(config, store, answers, destination, pseudonyms, log, metrics), config.limits.workers
        )
        metrics.watch(lambda: len(store.queued()), lambda: _oldest(store), lambda: len(store.failed()))
        if config.metrics.port:
            stack.callback(metrics.serve(config.metrics.host, config.metrics.port))

        def taker(by: str) -> Callable[[Path, str], None]:
            def take(path: Path, sop_instance_uid: str) -> None:
                job_id = pseudonyms.job(sop_instance_uid)
                if store.admit(path, job_id):
                    metrics.received.labels(by).inc()
                    log("received", job=job_id, by=by)
                    schedule.add(job_id, time.time())
                else:  # usually the same image; a different image with this UID is dropped too, so log it
                    log("received_again", job=job_id, by=by)

            return take

        schedule.start()
        stack.callback(schedule.stop)
        if config.poll.url:
            client = web_client(config.poll.url, config.poll.username, config.poll.timeout_seconds)
            poller = Poller(
                client, config.poll, store, pseudonyms.job, taker("poll"), log, max_image_bytes=max_image_bytes
            )
            poller.start()
            stack.callback(poller.stop)
        receiver = Receiver(config.listen, store, taker("c-store"), log, metrics, max_image_bytes=max_image_bytes)
        port = receiver.start()
        stack.callback(receiver.stop)
        log(
            "started",
            ae_title=config.listen.ae_title,
            port=port,
            queued=len(store.queued()),
            failed=len(store.failed()),
        )
        yield port
        log("stopping")


def _worker(
    config: Config,
    store: Store,
    answers: Answers,
    destination: Destination,
    pseudonyms: Pseudonyms,
    log: Log,
    metrics: Metrics,
) -> Worker:
    limits, predict = config.limits, config.predict
    return Worker(
        store,
        answers,
        destination,
        pseudonyms,
        Backoff(limits.first_retry_seconds, limits.longest_retry_seconds),
        limits.give_up_hours * 3600,
        reports=Reports.of(config),
        dicom=config.deliver.protocol != "none",
        keep_burned_in=predict.by == "service" and not predict.send_burned_in,
        log=log,
        metrics=metrics,
    )


def _oldest(store: Store) -> float:
    """Return the age of the oldest waiting image in seconds, or 0 if none waits."""
    now = time.time()
    return max((now - job.received for job in store.jobs()), default=0.0)
