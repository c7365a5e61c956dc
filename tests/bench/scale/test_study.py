import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench import measurements
from bench.scale import __main__ as command
from bench.scale import inputs, load, study
from pneumonia.uploads.concurrency import IN_FLIGHT

LATENCY = {"cpu_ms_per_film": 20.0, "ms": {name: {"median": 500.0} for name in ("one_by_one", "batch")}}
RESULTS: dict[str, Any] = {
    "worker": {
        "machine": {"cpu": "a CPU"},
        "measured": "2026-11-26",
        "model_version": "0.7.0",
        "batch": 5,
        "in_flight": 5,
        "latency": {"0": LATENCY, "100": LATENCY},
    },
    "container": {
        "cold_samples_ms": {"warm_cache": [500.0], "dropped_cache": [900.0, 1000.0]},
        "by_cpus": {"1.0": {"memory_mb": 1769, "ms": {"median": 20.0}}},
    },
}


def test_inputs_come_from_measurements_and_settings() -> None:
    found = inputs.read(RESULTS)
    assert (found.work.compute_ms, found.work.in_flight) == (20.0, 5)
    assert found.colds == (0.9, 1.0)
    assert (0, 1, 100.0) in found.checks  # one_by_one measures five of them
    assert (100, 5, 500.0) in found.checks
    assert found.settings["memory_mb"] == json.loads(inputs.CDK.read_text(encoding="utf-8"))["context"]["memory_mb"]


def test_quartiles_replace_missing_single_starts() -> None:
    spread = {"low": 400.0, "median": 500.0, "high": 600.0}
    container = {**RESULTS["container"], "cold_samples_ms": {}, "cold_warm_cache": {"ms": {"ours": spread}}}
    assert inputs.read(RESULTS | {"container": container}).colds == (0.4, 0.5, 0.6)


def test_prices_match_the_stack() -> None:
    found = inputs.read(RESULTS)
    settings = found.settings
    # A million seconds at the default memory, and a million invocations.
    gigabytes = settings["memory_mb"] / 1024
    lambda_usd = 1e6 * gigabytes * settings["price_gb_second"] + settings["price_million_requests"]
    assert found.usd_of_lambda(1e6, 1_000_000) == pytest.approx(lambda_usd)
    # A thousand uploads in 200 batches: 3,000 writes, 2,000 reads, 1,400 requests of SQS.
    uploads = 3 * settings["price_thousand_puts"] + 2 * settings["price_thousand_gets"]
    assert found.usd_of_uploads(1000, 200) == pytest.approx(
        uploads + 1400e-6 * settings["price_million_queue_requests"]
    )
    # docs/backfill.md: 10.00 and 1.60 for S3, 2.00 for 40,000 batches.
    assert found.usd_of_backfill(1_000_000, 40_000) == pytest.approx(10 + 1.6 + 2)


def test_simulated_bursts_and_archives_complete() -> None:
    found = inputs.read(RESULTS)
    assert study.burst(found, 100, 5).images == 100
    archive = study.archive(found, 1000, 10)
    assert (archive.images, archive.invocations) == (1000, 1000 // found.settings["backfill_batch_size"])


def test_the_model_is_compared_with_measurements() -> None:
    text = study.check(inputs.read(RESULTS))
    assert "| 100 ms | 5 | 500 ms | 500 ms | 1.00 |" in text


def test_a_run_on_this_machine_is_compared_with_its_simulation() -> None:
    found = inputs.read(RESULTS)
    assert study.load(found) == "Not measured yet."
    run = {
        "images": 100, "instances": 2, "batch": 5, "batch_ms": 1000.0, "seconds": 11.0, "images_per_second": 9.0,
        "oldest_seconds": 9.5,
    }  # fmt: skip
    assert "| time to finish | 11.0 s |" in study.load(inputs.read(RESULTS | {"load": run}))


def test_the_figures_of_a_run_follow_from_its_batches() -> None:
    batches = [
        {"begin": 1.0, "end": 2.0, "sent": [0.5, 0.6]},
        {"begin": 2.0, "end": 4.0, "sent": [0.7]},
    ]
    found = load.summary(batches, start=0.0, uploaded=0.8)
    assert found["seconds"] == 4.0
    assert found["images_per_second"] == 0.75
    assert (found["oldest_seconds"], found["median_age_seconds"], found["batch_ms"]) == (1.3, 0.5, 1500.0)


@pytest.mark.parametrize(("seconds", "text"), [(1.23, "1.2 s"), (300, "5.0 min"), (36_000, "10.0 h")])
def test_times_have_units_that_read_well(seconds: float, text: str) -> None:
    assert study._seconds(seconds) == text


def test_each_table_has_one_place_in_the_document() -> None:
    document = "a\n<!-- scale: one -->\nold\n<!-- /scale -->\nb"
    assert command.filled(document, {"one": "| new |"}) == "a\n<!-- scale: one -->\n| new |\n<!-- /scale -->\nb"
    for tables in ({}, {"one": "", "two": ""}, {"two": ""}):
        with pytest.raises(ValueError, match=r"docs/scale\.md"):
            command.filled(document, tables)


def test_the_document_has_the_tables_of_the_measurements() -> None:
    """Only the fast tables, since all of them take a quarter of a minute."""
    text = command.DOCUMENT.read_text(encoding="utf-8")
    found = inputs.read()
    for table in (study.facts(), study.given(found), study.check(found), study.batches(found), study.memory(found)):
        assert table in text, "make scale"


def test_the_document_matches_the_current_code() -> None:
    assert measurements.section(measurements.load(), "worker")["in_flight"] == IN_FLIGHT, "make bench"


@pytest.mark.slow
def test_a_run_through_the_local_cloud_completes_every_image() -> None:
    found = load.measure(Console(quiet=True), images=12, instances=2)
    assert (found["images"], found["instances"]) == (12, 2)
    assert found["batches"] >= 12 / found["batch"]
    assert found["seconds"] > 0


@pytest.mark.slow
def test_the_document_has_all_tables(tmp_path: Path) -> None:
    text = command.DOCUMENT.read_text(encoding="utf-8")
    assert command.filled(text, study.tables(inputs.read())) == text, "make scale"
