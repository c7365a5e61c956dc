"""The tables of docs/scale.md, in Markdown."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from bench.scale import assumptions, simulation
from bench.scale.inputs import Inputs
from bench.scale.simulation import Outcome

MILLION = 1_000_000
BURSTS = (10_000, 100_000)
CONCURRENCIES = (2, 5, 10, 50, 1000)
MAPS = (3, 10, 100, 1000)
LOADS = (0.5, 0.9, 1.0, 1.2)
HOUR = 3600


def tables(inputs: Inputs) -> dict[str, str]:
    """Return all tables by the names of their markers in docs/scale.md."""
    return {
        "facts": facts(),
        "inputs": given(inputs),
        "check": check(inputs),
        "load": load(inputs),
        "bursts": bursts(inputs),
        "steady": steady(inputs),
        "million": million(inputs),
        "batches": batches(inputs),
        "memory": memory(inputs),
    }


def burst(inputs: Inputs, images: int, concurrency: int, batch: int | None = None) -> Outcome:
    """Simulate `images` uploads at once, through the queue."""
    made = simulation.burst(images, batch or inputs.batch)
    return simulation.run(made, simulation.queue_allows(concurrency), inputs.seconds, inputs.colds)


def archive(inputs: Inputs, images: int, concurrency: int) -> Outcome:
    """Simulate `images` images of an archive, through a Distributed Map."""
    made = simulation.listed(images, inputs.settings["backfill_batch_size"])
    return simulation.run(made, simulation.map_allows(concurrency), inputs.seconds, inputs.colds)


def capacity(inputs: Inputs, concurrency: int) -> float:
    """Return the images per second in the long run if all batches are full."""
    return concurrency * inputs.batch / (inputs.seconds(inputs.batch) + assumptions.QUEUE_MS.value / 1000)


def facts() -> str:
    rows = ([f"{fact.value:,g}", fact.text, fact.source] for fact in assumptions.ALL)
    return _table(("number", "what", "source"), rows) + "\n\n" + "\n".join(f"- {text}" for text in assumptions.IN_WORDS)


def given(inputs: Inputs) -> str:
    colds = ", ".join(f"{seconds:.2f}" for seconds in sorted(inputs.colds))
    settings = inputs.settings
    return _table(
        ("input", "value"),
        (
            ["CPU time of one upload with its heatmap", f"{inputs.work.compute_ms:.1f} ms"],
            ["images of a batch in flight", f"{inputs.work.in_flight}"],
            ["batch size; maximum concurrency; memory", f"{inputs.batch}; {settings['worker_max_concurrency']}; "
             f"{settings['memory_mb']} MB"],
            ["backfill: batch size; maximum concurrency",
             f"{settings['backfill_batch_size']}; {settings['backfill_max_concurrency']}"],
            ["cold starts, from a ready container to the first response, s", colds],
            ["measured on", inputs.measured],
        ),
    )  # fmt: skip


def check(inputs: Inputs) -> str:
    """Compare the simulated durations of invocations with the measured durations."""
    rows = []
    for latency, images, measured in inputs.checks:
        model = replace(inputs.work, s3_ms=latency).batch_ms(images)
        rows.append([f"{latency} ms", f"{images}", f"{model:.0f} ms", f"{measured:.0f} ms", f"{model / measured:.2f}"])
    return _table(("a call to S3", "images", "simulated", "measured", "simulated / measured"), rows)


def load(inputs: Inputs) -> str:
    """Compare the run on this machine with a simulation in which invocations take as long as measured."""
    found = inputs.load
    if found is None:
        return "Not measured yet."
    batches = simulation.burst(found["images"], found["batch"])
    model = simulation.run(batches, lambda _: found["instances"], lambda _: found["batch_ms"] / 1000, [0.0])
    rows = [
        ["time to finish", _seconds(found["seconds"]), _seconds(model.finished)],
        ["images a second", f"{found['images_per_second']:.1f}", f"{model.images_a_second:.1f}"],
        ["age of the oldest message", _seconds(found["oldest_seconds"]), _seconds(model.oldest)],
        ["a batch, median", f"{found['batch_ms']:.0f} ms", "as measured"],
    ]
    title = f"{found['images']} uploads, {found['instances']} instances, batches of {found['batch']}"
    return _table((title, "measured", "simulated"), rows)


def bursts(inputs: Inputs) -> str:
    rows = []
    for images in BURSTS:
        for concurrency in CONCURRENCIES:
            found = burst(inputs, images, concurrency)
            usd = inputs.usd_of_lambda(found.billed_seconds, found.invocations)
            others = inputs.usd_of_uploads(images, found.invocations)
            rows.append(
                [f"{images:,}", f"{concurrency:,}", _seconds(found.finished), f"{found.images_a_second:,.0f}",
                 _seconds(found.oldest), f"{found.most_at_once}", f"{found.instances}", f"{usd:.2f}", f"{others:.2f}"]
            )  # fmt: skip
    head = ("uploads at once", "maximum concurrency", "time to finish", "images/s", "age of the oldest message",
            "most invocations at once", "instances", "Lambda, USD", "S3 and SQS, USD")  # fmt: skip
    return _table(head, rows)


def steady(inputs: Inputs) -> str:
    """Simulate an hour of uploads at shares of the capacity, with the age of the queue at the end of the hour."""
    rows = []
    for concurrency in (5, 10, 50):
        limit = capacity(inputs, concurrency)
        ages = []
        for share in LOADS:
            made = simulation.steady(share * limit, HOUR, inputs.batch, concurrency)
            found = simulation.run(made, simulation.queue_allows(concurrency), inputs.seconds, inputs.colds)
            ages.append(_seconds(found.ages[-1][1]))
        alarm = inputs.settings["alarm_queue_age_seconds"]
        rows.append([f"{concurrency:,}", f"{limit:,.0f}", *ages, f"{limit * alarm:,.0f}"])
    shares = tuple(f"age after an hour at {share:.0%}" for share in LOADS)
    return _table(
        ("maximum concurrency", "images/s at most", *shares, "burst that triggers the alarm on queue age"), rows
    )


def million(inputs: Inputs) -> str:
    rows = []
    for concurrency in MAPS:
        found = archive(inputs, MILLION, concurrency)
        usd = inputs.usd_of_lambda(found.billed_seconds, found.invocations)
        others = inputs.usd_of_backfill(MILLION, found.invocations)
        rows.append(
            [f"{concurrency:,}", _seconds(found.finished), f"{found.images_a_second:,.0f}", f"{found.instances}",
             f"{usd:.0f}", f"{others:.0f}"]
        )  # fmt: skip
    head = ("backfill_max_concurrency", "time to finish", "images/s", "instances", "Lambda, USD",
            "S3 and Step Functions, USD")  # fmt: skip
    return _table(head, rows)


def batches(inputs: Inputs) -> str:
    """Compare batch sizes and numbers of images in flight, at two latencies of S3."""
    rows = []
    for in_flight in (4, 5, 8, 10):
        for size in (1, 5, 8, 10):
            cells = []
            for s3_ms in (20.0, assumptions.S3_MS.value):
                work = replace(inputs.work, in_flight=in_flight, s3_ms=s3_ms)
                ms = work.batch_ms(size)
                usd = 1000 / size * inputs.usd_of_lambda(ms / 1000, 1)
                cells += [f"{ms:.0f} ms", f"{usd:.4f}"]
            rows.append([f"{in_flight}", f"{size}", *cells])
    head = ("images in flight", "batch size", "a batch, S3 at 20 ms", "1,000 images, USD",
            "a batch, S3 at 100 ms", "1,000 images, USD")  # fmt: skip
    return _table(head, rows)


def memory(inputs: Inputs) -> str:
    """Compare memory sizes. More memory makes computing faster, but waiting for S3 more expensive."""
    default = inputs.settings["memory_mb"]
    rows = []
    for size, ms in sorted(inputs.sizes.items()):
        work = replace(inputs.work, compute_ms=inputs.work.compute_ms * ms / inputs.sizes[default])
        batch = work.batch_ms(inputs.batch)
        sized = replace(inputs, settings={**inputs.settings, "memory_mb": size})
        usd = 1000 / inputs.batch * sized.usd_of_lambda(batch / 1000, 1)
        rows.append([f"{size}", f"{ms:.0f} ms", f"{batch:.0f} ms", f"{usd:.4f}"])
    return _table(("MB", "a warm request", f"a batch of {inputs.batch}", "1,000 uploads, USD"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{'---|' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _seconds(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    if seconds < 2 * HOUR:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / HOUR:.1f} h"
