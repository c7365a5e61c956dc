"""Alarms and dashboard read only metrics that the functions write."""

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from infra import custom_metrics
from pneumonia import metrics
from pneumonia_cli.stack.prices import METRICS_A_FUNCTION
from tests.infra.conftest import Synthesise, Synthesised
from tests.infra.dashboard_body import dashboard_body, expressions_of, metrics_of

Read = tuple[str, str, Mapping[str, str | None]]
Written = dict[str, set[tuple[str, str, frozenset[str]]]]

ALARM = "AWS::CloudWatch::Alarm"
FUNCTIONS = (metrics.API, metrics.WORKER)
ANSWER = {
    "label": "pneumonia",
    "triage": "likely_pneumonia",
    "pneumonia": 0.9,
    "in_training_population": True,
    "timing_ms": {"decode": 1.0, "model": 2.0},
    "model": {"version": "1.2.3"},
}


@pytest.fixture(scope="module")
def synthesise(synthesise: Synthesise) -> Synthesise:
    """Synthesise with observability=full, which is not the default."""
    return functools.partial(synthesise, observability="full")


@pytest.fixture(scope="module")
def stack(synthesise: Synthesise) -> Synthesised:
    return synthesise()


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Written:
    """(namespace, metric, names of the dimensions) of everything that a function writes, by kind of record."""
    monkeypatch.setenv("STACK_NAME", "PneumoniaInference")
    monkeypatch.setattr(metrics, "_cold", True)
    monkeypatch.setattr(metrics, "loaded_version", lambda: "1.2.3")
    found: Written = {}
    writes: dict[str, Callable[[], None]] = {
        "answer": lambda: metrics.prediction(metrics.API, ANSWER),
        "rejection": lambda: metrics.rejection(metrics.API, "blank_image"),
        "cold start": lambda: metrics.cold_start(metrics.API),
    }
    for kind, write in writes.items():
        capsys.readouterr()
        write()
        (directive,) = json.loads(capsys.readouterr().out)["_aws"]["CloudWatchMetrics"]
        found[kind] = {
            (directive["Namespace"], metric["Name"], frozenset(dimensions))
            for dimensions in directive["Dimensions"]
            for metric in directive["Metrics"]
        }
    return found


def read_by_alarms(stack: Synthesised) -> Iterator[Read]:
    """Yield (namespace, metric, dimensions) of every metric in an alarm, except metrics of AWS."""
    for alarm in stack.resources(ALARM).values():
        properties = alarm["Properties"]
        stats = [entry["MetricStat"]["Metric"] for entry in properties.get("Metrics", []) if "MetricStat" in entry]
        for metric in stats or [properties]:
            if not metric["Namespace"].startswith("AWS/"):
                dimensions = {entry["Name"]: entry["Value"] for entry in metric["Dimensions"]}
                yield metric["Namespace"], metric["MetricName"], dimensions


def read_by_dashboard(stack: Synthesised) -> Iterator[Read]:
    """Yield the same for the dashboard. A SEARCH names its dimensions, and has values for some of them."""
    for widget in dashboard_body(stack)["widgets"]:
        for namespace, name, dimensions, _ in metrics_of(widget):
            if not namespace.startswith("AWS/"):
                yield namespace, name, dimensions
        for expression in expressions_of(widget).values():
            for schema, terms in re.findall(r"SEARCH\('\{([\w,]+)\} ([^']+)'", expression):
                namespace, *names = schema.split(",")
                values = dict(re.findall(r'(\w+)="([^"]+)"', terms))
                name = values.pop("MetricName")
                assert set(values) <= set(names)
                yield namespace, name, dict.fromkeys(names) | values


@pytest.mark.parametrize("read", [read_by_alarms, read_by_dashboard])
def test_every_metric_that_is_read_is_written(
    stack: Synthesised, written: Written, read: Callable[[Synthesised], Iterator[Read]]
) -> None:
    known = set().union(*written.values())
    found = list(read(stack))
    assert len(found) > 5
    for namespace, name, dimensions in found:
        assert (namespace, name, frozenset(dimensions)) in known
        assert dimensions["Stack"] == stack.settings.stack_name
        assert dimensions["Function"] in FUNCTIONS


def test_every_metric_that_is_written_is_on_the_dashboard(stack: Synthesised, written: Written) -> None:
    shown = {name for _, name, _ in read_by_dashboard(stack)}
    # Labels are left out: the score and its triage say more.
    assert {name for _, name, _ in set().union(*written.values())} - shown == {"LabelNormal", "LabelPneumonia"}


def test_functions_are_called_by_the_names_that_they_write(stack: Synthesised) -> None:
    assert custom_metrics.FUNCTIONS == FUNCTIONS
    assert custom_metrics.NAMESPACE == metrics.NAMESPACE


def test_scores_are_read_for_the_version_that_the_model_reports(real_artifacts: Path) -> None:
    from pneumonia.model.card import Card

    assert custom_metrics.model_version() == Card.load(real_artifacts).identity()["version"]


def test_both_functions_know_the_stack_name_of_the_metrics(synthesise: Synthesise) -> None:
    stack = synthesise(stack_name="Ward3")
    for part in ("InferenceApi", "InferenceWorker"):
        _, function = stack.one("AWS::Lambda::Function", part)
        assert function["Environment"]["Variables"]["STACK_NAME"] == "Ward3"
    assert {dimensions["Stack"] for _, _, dimensions in [*read_by_alarms(stack), *read_by_dashboard(stack)]} == {
        "Ward3"
    }


def test_without_metrics_nothing_reads_them(synthesise: Synthesise) -> None:
    stack = synthesise(metrics=False)
    assert [*read_by_alarms(stack), *read_by_dashboard(stack)] == []


def test_the_bill_counts_the_metrics_that_are_written(written: Written) -> None:
    without_code = {item for kind in written.values() for item in kind if "Code" not in item[2]}
    assert len(without_code) == METRICS_A_FUNCTION
