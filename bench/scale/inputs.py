"""Inputs of the simulation, from measurements (bench/results.json) and the settings of the stack (cdk.json)."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import cost, measurements
from bench.rows import mean_ms
from bench.scale import assumptions
from bench.scale.timing import Work
from pneumonia_cli.stack.prices import GETS_AN_UPLOAD, PUTS_AN_UPLOAD

CDK = Path(__file__).resolve().parents[2] / "cdk.json"


@dataclass(frozen=True)
class Inputs:
    """Measured inputs.

    `work`: the work for one image at the default memory size. `colds`: seconds of each measured cold start. `checks`:
    measured batches, as (latency of S3 in ms, images per invocation, measured ms). `sizes`:
    mean ms of a warm request by memory size in MB. `settings`: settings in cdk.json. `measured`: processor, date and
    model of the measurement. `load`: the measured run in the local cloud, or None.
    """

    work: Work
    colds: tuple[float, ...]
    checks: tuple[tuple[int, int, float], ...]
    sizes: Mapping[int, float]
    settings: Mapping[str, Any]
    measured: str
    load: Mapping[str, Any] | None

    @property
    def batch(self) -> int:
        return int(self.settings["batch_size"])

    def seconds(self, images: int) -> float:
        """Return the seconds of a warm invocation with `images` images."""
        return self.work.batch_ms(images) / 1000

    def usd_of_lambda(self, billed_seconds: float, invocations: int) -> float:
        """Return the list price of Lambda at the default memory size."""
        gigabytes = self._number("memory_mb") / 1024
        architecture = str(self.settings["architecture"])
        return billed_seconds * gigabytes * cost.USD_PER_GB_SECOND[architecture] + invocations * cost.USD_PER_REQUEST

    def usd_of_uploads(self, images: int, batches: int) -> float:
        """Return the price of S3 and SQS for uploading images, storing results, and receiving messages in batches."""
        requests = images + 2 * batches  # S3 sends one message per image; the poller receives and deletes batches
        return images * self._usd_of_s3(PUTS_AN_UPLOAD) + requests * self._number("price_million_queue_requests") / 1e6

    def usd_of_backfill(self, images: int, batches: int) -> float:
        """Return the price of S3 and Step Functions for a backfill: each image has two more reads, and no upload."""
        transitions = assumptions.TRANSITIONS_A_BATCH.value * assumptions.USD_STATE_TRANSITION.value * batches
        return images * self._usd_of_s3(PUTS_AN_UPLOAD - 1, GETS_AN_UPLOAD + 2) + transitions

    def _usd_of_s3(self, puts: int, gets: int = GETS_AN_UPLOAD) -> float:
        return (puts * self._number("price_thousand_puts") + gets * self._number("price_thousand_gets")) / 1000

    def _number(self, name: str) -> float:
        return float(self.settings[name])


def read(results: Mapping[str, Any] | None = None) -> Inputs:
    """Read the inputs from results.json. Raises KeyError if its section `worker` or `container` is missing."""
    found = measurements.load() if results is None else results
    worker, container = measurements.section(found, "worker"), measurements.section(found, "container")
    settings = json.loads(CDK.read_text(encoding="utf-8"))["context"]
    checks = tuple(
        (int(latency), images, entry["ms"][name]["median"] * images / worker["batch"])
        for latency, entry in sorted(worker["latency"].items(), key=lambda item: int(item[0]))
        for name, images in (("one_by_one", 1), ("batch", worker["batch"]))
    )
    return Inputs(
        work=Work(worker["latency"]["100"]["cpu_ms_per_film"], assumptions.S3_MS.value, worker["in_flight"]),
        colds=_colds(container),
        checks=checks,
        sizes={entry["memory_mb"]: mean_ms(entry) for entry in container["by_cpus"].values()},
        settings=settings,
        measured=f"{worker['machine']['cpu']}, {worker['measured']}, model {worker['model_version']}",
        load=found.get("load"),
    )


def _colds(container: Mapping[str, Any]) -> tuple[float, ...]:
    """Return the seconds of each cold start, from listening to the first response.

    Prefer the measurement with a dropped page cache. Older files have only three figures instead of samples.
    """
    samples = container.get("cold_samples_ms", {})
    for name in ("dropped_cache", "warm_cache"):
        if samples.get(name):
            return tuple(ms / 1000 for ms in samples[name])
    spread = container.get("cold_dropped_cache", container["cold_warm_cache"])["ms"]["ours"]
    return tuple(spread[key] / 1000 for key in ("low", "median", "high"))
