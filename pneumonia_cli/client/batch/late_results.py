"""`pneumonia results`: fetch results that arrived after a `submit`, or all results under a key prefix."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from pneumonia_cli.client import output
from pneumonia_cli.client.batch.collect import Collector, Waiting
from pneumonia_cli.client.batch.feedback import Feedback, fetch_feedback
from pneumonia_cli.client.batch.journal import FILE, Journal
from pneumonia_cli.client.batch.pipeline import BatchOptions
from pneumonia_cli.client.batch.places import Places
from pneumonia_cli.client.batch.submit import checked_card, finish
from pneumonia_cli.client.errors import UsageProblem


def of_batch(places: Places, load_card: Callable[[], Any], options: BatchOptions) -> int:
    """Fetch new results for the batch in `options.out`, write its files again, and return the exit code.

    Raises UsageProblem, ServiceError.
    """
    if not (options.out / FILE).is_file():
        raise UsageProblem(
            f"{options.out} contains no batch of `pneumonia submit`. Specify the folder that `submit` wrote, or the "
            "folder of its images. For other uploads, use --prefix."
        )
    card = checked_card(load_card())
    with Journal(options.out, places.settings) as journal:
        waiting = journal.waiting()
        _fetch(places, journal, waiting, options)
        folder = journal.folder
        images = {entry.name: folder / entry.name for entry in journal.entries("predicted")} if folder else {}
        return finish(journal, images, card, options, None, _feedback(places, journal))


def of_prefix(places: Places, load_card: Callable[[], Any], prefix: str, options: BatchOptions) -> int:
    """Fetch all results whose upload keys start with `prefix`, and return the exit code.

    Raises UsageProblem, ServiceError.
    """
    card = checked_card(load_card())
    with Journal(options.out, {**places.settings, "prefix": prefix}) as journal:
        with ThreadPoolExecutor(1) as pool:
            keys = dict.fromkeys(_collector(places, journal, pool, options).keys())
        for key in keys:  # fetch all again, because a key may have a newer result
            journal.uploaded(key, 0, 0, key)
        _fetch(places, journal, keys, options)
        return finish(journal, {}, card, options, None, _feedback(places, journal))


def _fetch(places: Places, journal: Journal, waiting: Waiting, options: BatchOptions) -> None:
    with ThreadPoolExecutor(options.jobs) as pool:
        try:
            found = _collector(places, journal, pool, options).catch_up(waiting)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
    if not options.shape.for_programs:
        output.stdout.print(f"{found} new results")


def _feedback(places: Places, journal: Journal) -> Feedback:
    return fetch_feedback(places.s3, places.result_bucket, journal.prefix)


def _collector(places: Places, journal: Journal, pool: ThreadPoolExecutor, options: BatchOptions) -> Collector:
    return Collector(places.s3, places.result_bucket, journal.prefix, journal, pool, options.out)
