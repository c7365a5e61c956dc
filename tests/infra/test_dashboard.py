"""The dashboard: its layout, its expressions, and its costs, which come from stack/prices.py."""

import functools
import re

import pytest

from pneumonia_cli.stack.context import default_context, settings_of
from pneumonia_cli.stack.prices import METRICS_A_FUNCTION, Rates, Usage
from tests.infra.conftest import ROOT, Json, Synthesise, Synthesised
from tests.infra.dashboard_body import dashboard_body, expressions_of, metrics_of, widgets
from tests.infra.metric_math import metric_math

COSTS = "Cumulative cost over 30 days, USD"
TOTAL = "Estimate for 30 days, USD"


@pytest.fixture(scope="module")
def synthesise(synthesise: Synthesise) -> Synthesise:
    """Synthesise with observability=full, which is not the default."""
    return functools.partial(synthesise, observability="full")


@pytest.fixture(scope="module")
def stack(synthesise: Synthesise) -> Synthesised:
    return synthesise()


def test_the_name_has_stack_and_region_and_the_output_links_to_the_dashboard(synthesise: Synthesise) -> None:
    # Dashboards are global in an account: the stack's name without the region would collide in a second region.
    stack = synthesise(stack_name="Ward3")
    (dashboard,) = stack.resources("AWS::CloudWatch::Dashboard").values()
    name = ["Ward3-", {"Ref": "AWS::Region"}]
    assert dashboard["Properties"]["DashboardName"] == {"Fn::Join": ["", name]}
    *_, path, region = stack.template["Outputs"]["DashboardUrl"]["Value"]["Fn::Join"][1]
    assert [path.rpartition("/dashboard/")[2], region] == name


def test_the_dashboard_can_be_turned_off(synthesise: Synthesise) -> None:
    stack = synthesise(dashboard=False)
    assert stack.resources("AWS::CloudWatch::Dashboard") == {}
    assert "DashboardUrl" not in stack.template["Outputs"]


@pytest.mark.parametrize("overrides", [{}, {"metrics": False}], ids=str)
def test_widgets_do_not_overlap_and_fit_the_width(synthesise: Synthesise, overrides: Json) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in dashboard_body(synthesise(**overrides))["widgets"]:
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert max(x for x, _ in cells) < 24
        assert not cells & taken
        taken |= cells


def test_rows_are_filled(stack: Synthesised) -> None:
    widths: dict[int, int] = {}
    for widget in dashboard_body(stack)["widgets"]:
        widths[widget["y"]] = widths.get(widget["y"], 0) + widget["width"]
    assert set(widths.values()) == {24}


def test_graphs_keep_their_periods(stack: Synthesised) -> None:
    # Otherwise hourly sums, and hourly costs, would cover any period.
    assert dashboard_body(stack)["periodOverride"] == "inherit"


def test_every_alarm_is_shown(stack: Synthesised) -> None:
    (widget,) = [widget for widget in dashboard_body(stack)["widgets"] if widget["type"] == "alarm"]
    assert sorted(widget["properties"]["alarms"]) == sorted(
        f"<{name}>" for name in stack.resources("AWS::CloudWatch::Alarm")
    )


@pytest.mark.parametrize("overrides", [{}, {"metrics": False}, {"api_provisioned_concurrency": 2}], ids=str)
def test_every_name_in_an_expression_is_a_metric_of_its_widget(synthesise: Synthesise, overrides: Json) -> None:
    words = {"FILL", "IF", "REPEAT", "RUNNING_SUM", "TIME_SERIES", "ANOMALY_DETECTION_BAND"}
    for title, widget in widgets(synthesise(**overrides)).items():
        ids = {options["id"] for _, _, _, options in metrics_of(widget) if "id" in options}
        for expression in expressions_of(widget).values():
            if not expression.startswith("SEARCH("):
                assert set(re.findall(r"[A-Za-z_]\w*", expression)) - words <= ids, title
                assert not re.search(r"\de-?\d", expression)


@pytest.mark.parametrize("function", ["api", "worker"])
def test_histogram_covers_all_scores_once(stack: Synthesised, function: str) -> None:
    widget = widgets(stack)[f"Scores of {function}, % in each tenth of the scale"]
    assert (widget["properties"]["view"], widget["properties"]["setPeriodToTimeRange"]) == ("bar", True)
    edges = []
    for _, name, dimensions, options in metrics_of(widget):
        assert (name, dimensions["Function"]) == ("Score", function)
        edge = re.fullmatch(r"PR\(([\d.]*):([\d.]*)\)", options["stat"])
        assert edge is not None
        edges.append(edge.groups())
    # CloudWatch counts values above the lower edge and up to the upper one. The open ends include 0 and 1.
    assert edges[0][0] == edges[-1][1] == ""
    assert [upper for _, upper in edges[:-1]] == [lower for lower, _ in edges[1:]]
    assert [upper for _, upper in edges[:-1]] == [str(tenth / 10) for tenth in range(1, 10)]


def test_limits_are_the_thresholds_of_the_alarms(synthesise: Synthesise) -> None:
    stack = synthesise(alarm_api_p99_ms=1234, alarm_queue_age_seconds=5678, alarm_rejected_percent=15)
    assert {
        "API, ms a request (ApiSlow at p99 ≥ 1234)",
        "Age of the oldest waiting upload, s (QueueOld at ≥ 5678)",
    } <= set(widgets(stack))
    found = {
        line["label"]: line["value"]
        for widget in widgets(stack).values()
        for line in widget["properties"].get("annotations", {}).get("horizontal", [])
    }
    assert found == {"RejectedImages": 15, "limit": 10}


def test_refused_images_are_shown_by_code(stack: Synthesised) -> None:
    found = expressions_of(widgets(stack)["Refused images per hour, by code"])
    assert set(found) == {"api ${PROP('Dim.Code')}", "worker ${PROP('Dim.Code')}"}
    for label, expression in found.items():
        function = label.split()[0]
        assert "{PneumoniaTriage,Stack,Function,Code}" in expression
        assert f'Function="{function}"' in expression


def test_p50_and_p99_of_every_latency(stack: Synthesised) -> None:
    shown = {title: widget for title, widget in widgets(stack).items() if ", ms a" in title}
    assert len(shown) == 3
    for widget in shown.values():
        stats = [options["stat"] for *_, options in metrics_of(widget)]
        assert stats.count("p50") == stats.count("p99") == len(stats) / 2


# One hour of a busy stack.
HOUR = {
    "calls_api": 300, "calls_worker": 40, "duration_api": 45_000, "duration_worker": 60_000,
    "queue_sent": 200, "queue_received": 210, "queue_deleted": 200, "queue_empty": 150,
    "size_uploads": 5e9, "size_results": 1e9, "logs_api": 400_000, "logs_worker": 300_000,
    "calls_backfill": 9, "duration_backfill": 7_000, "logs_backfill": 50_000,
}  # fmt: skip


@pytest.mark.parametrize(
    "overrides", [{}, {"metrics": False}, {"api_provisioned_concurrency": 2, "memory_mb": 3008}, {"backfill": True}]
)
def test_costs_are_the_rates_times_the_usage(synthesise: Synthesise, overrides: Json) -> None:
    stack = synthesise(**overrides)
    alarms = stack.resources("AWS::CloudWatch::Alarm").values()
    backfill = overrides.get("backfill", False)
    usage = Usage(
        invocations=340 + 9 * backfill,
        milliseconds=105_000 + 7_000 * backfill,
        provisioned_hours=overrides.get("api_provisioned_concurrency", 0),
        queue_messages=760,
        uploads=200,
        byte_hours=6e9,
        log_bytes=700_000 + 50_000 * backfill,
        metric_hours=(2 + backfill) * METRICS_A_FUNCTION * overrides.get("metrics", True),
        alarm_hours=sum(watched(alarm["Properties"]) for alarm in alarms),
        dashboard_hours=1,
    )
    expected = Rates.of(stack.settings).costs(usage)
    parts = [metric_math(expression, HOUR) for expression in expressions_of(widgets(stack)[COSTS]).values()]
    assert sorted(parts) == pytest.approx(sorted(cost for cost in expected.values() if cost), rel=1e-4)
    (total,) = expressions_of(widgets(stack)[TOTAL]).values()
    assert metric_math(total, HOUR) == pytest.approx(sum(expected.values()), rel=1e-4)


def watched(alarm: Json) -> int:
    """Return the number of metrics that an alarm is billed for. A band counts as the metric and its two edges."""
    metrics = [metric for metric in alarm.get("Metrics", []) if "MetricStat" in metric]
    return 3 if "ThresholdMetricId" in alarm else len(metrics) or 1


def test_an_idle_stack_costs_its_alarms_its_dashboard_and_its_bytes(stack: Synthesised) -> None:
    idle = dict.fromkeys(HOUR) | {"size_uploads": 0.0, "size_results": 0.0}
    parts = {k: metric_math(v, idle) for k, v in expressions_of(widgets(stack)[COSTS]).items()}
    assert {label for label, cost in parts.items() if cost} == {"alarms", "dashboard"}


def test_costs_use_hourly_periods_for_thirty_days(stack: Synthesised) -> None:
    for title in (COSTS, TOTAL):
        widget = widgets(stack)[title]
        assert (widget["properties"]["start"], widget["properties"]["period"]) == ("-P30D", 3600)
        assert {options["period"] for *_, options in metrics_of(widget)} == {3600}
        assert all(expression.startswith("RUNNING_SUM(") for expression in expressions_of(widget).values())


def test_each_cost_reads_the_metric_of_its_usage(stack: Synthesised) -> None:
    named = {options["id"]: (namespace, name) for namespace, name, _, options in metrics_of(widgets(stack)[TOTAL])}
    assert named == {
        "calls_api": ("AWS/Lambda", "Invocations"),
        "calls_worker": ("AWS/Lambda", "Invocations"),
        "duration_api": ("AWS/Lambda", "Duration"),
        "duration_worker": ("AWS/Lambda", "Duration"),
        "queue_sent": ("AWS/SQS", "NumberOfMessagesSent"),
        "queue_received": ("AWS/SQS", "NumberOfMessagesReceived"),
        "queue_deleted": ("AWS/SQS", "NumberOfMessagesDeleted"),
        "queue_empty": ("AWS/SQS", "NumberOfEmptyReceives"),
        "size_uploads": ("AWS/S3", "BucketSizeBytes"),
        "size_results": ("AWS/S3", "BucketSizeBytes"),
        "logs_api": ("AWS/Logs", "IncomingBytes"),
        "logs_worker": ("AWS/Logs", "IncomingBytes"),
    }


@pytest.mark.parametrize(("overrides", "count"), [({}, 19), ({"observability": "essential"}, 9)], ids=str)
def test_the_page_says_how_many_metrics_the_alarms_watch(synthesise: Synthesise, overrides: Json, count: int) -> None:
    alarms = synthesise(**overrides).resources("AWS::CloudWatch::Alarm").values()
    price = settings_of(default_context()).price_alarm_month
    watching = sum(watched(alarm["Properties"]) for alarm in alarms)
    assert watching == count, (
        f"the alarms watch {watching} metrics: correct the count here, and the table in docs/operations.md, "
        "'Estimate the bill', with its sums"
    )
    page = re.sub(r"\s+", " ", (ROOT / "docs" / "operations.md").read_text())
    cell = f"{count} metrics, {count * price:.2f} USD"
    assert cell in page, (
        f"the table in docs/operations.md, 'Estimate the bill', has no {cell!r}: correct it and its sums"
    )


def test_the_readme_says_how_many_alarms_there_are_by_default(synthesise: Synthesise) -> None:
    count = len(synthesise(observability="essential").resources("AWS::CloudWatch::Alarm"))
    word = {8: "eight", 9: "nine", 10: "ten", 11: "eleven", 12: "twelve"}[count]
    told = re.search(r"(\w+) alarms\s+and\s+the\s+polling\s+of\s+its\s+queue", (ROOT / "README.md").read_text())
    assert told is not None
    assert told[1] == word, f"README.md says '{told[0]}', but there are {count} by default"
