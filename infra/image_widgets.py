"""The dashboard's graphs of the functions' own metrics: refusals, predictions, scores, times, cold starts."""

from __future__ import annotations

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from infra.custom_metrics import FUNCTIONS, CustomMetrics, Function
from infra.graph import QUARTER, graph
from pneumonia_cli.stack.settings import StackSettings

_PERIOD: Final = Duration.minutes(5)
_HOUR: Final = Duration.hours(1)

_BINS: Final = 10

_TRIAGE: Final = {
    "TriageLikelyNormal": ("likely normal", cloudwatch.Color.GREEN),
    "TriageIndeterminate": ("indeterminate", cloudwatch.Color.ORANGE),
    "TriageLikelyPneumonia": ("likely pneumonia", cloudwatch.Color.RED),
}


class ImageWidgets:
    """Widgets about the images of one stack."""

    def __init__(self, settings: StackSettings) -> None:
        self._settings = settings
        self._metrics = CustomMetrics(settings.stack_name)

    def predictions(self) -> list[cloudwatch.IMetric]:
        """Return the number of predictions of each function, for the graph of traffic."""
        return self._each("Predictions", _PERIOD, " predicted")

    def rows(self) -> list[list[cloudwatch.IWidget]]:
        """Return the rows about refused images and about predictions."""
        return [
            [self._rejections(), self._rejected_share(), self._population()],
            [self._triage(), self._mean_score(), *(self._histogram(function) for function in FUNCTIONS)],
        ]

    def stages(self) -> cloudwatch.GraphWidget:
        lines = [
            self._metrics.of(function, name, statistic, _HOUR, label=f"{function} {stage} {statistic}")
            for function in FUNCTIONS
            for name, stage in (("DecodeTime", "decode"), ("ModelTime", "model"))
            for statistic in ("p50", "p99")
        ]
        return graph("Decoding and model, ms an image, hourly", lines)

    def cold_starts(self) -> cloudwatch.GraphWidget:
        return graph("Cold starts per hour", self._each("ColdStarts", _HOUR), stacked=True)

    def _rejections(self) -> cloudwatch.GraphWidget:
        return graph(
            "Refused images per hour, by code",
            [self._metrics.rejections_by_code(function, _HOUR) for function in FUNCTIONS],
            stacked=True,
        )

    def _rejected_share(self) -> cloudwatch.GraphWidget:
        return graph(
            "Refused images, % per hour",
            [self._metrics.rejected_percent(_HOUR)],
            limit=("RejectedImages", self._settings.alarm_rejected_percent),
            y_max=100,
        )

    def _population(self) -> cloudwatch.GraphWidget:
        return graph(
            "Images unlike the training images, per hour",
            self._each("OutsidePopulation", _HOUR),
            stacked=True,
        )

    def _triage(self) -> cloudwatch.GraphWidget:
        sums = [
            cloudwatch.MathExpression(
                expression=f"FILL({name.lower()}_api,0)+FILL({name.lower()}_worker,0)",
                using_metrics={
                    f"{name.lower()}_{function}": self._metrics.of(function, name, "Sum", _HOUR)
                    for function in FUNCTIONS
                },
                label=label,
                color=color,
                period=_HOUR,
            )
            for name, (label, color) in _TRIAGE.items()
        ]
        return graph("Images per hour, by triage", sums, stacked=True, width=QUARTER)

    def _mean_score(self) -> cloudwatch.GraphWidget:
        lines: list[cloudwatch.IMetric] = []
        for function in FUNCTIONS:
            mean = self._metrics.score(function, "Average", _HOUR, label=f"{function} mean")
            lines.append(mean)
            lines.append(
                cloudwatch.MathExpression(
                    expression=f"ANOMALY_DETECTION_BAND({function}_score, {self._settings.alarm_score_band})",
                    using_metrics={f"{function}_score": mean},
                    label=f"{function} expected",
                    period=_HOUR,
                    color=cloudwatch.Color.GREY,
                )
            )
        return graph("Mean score per hour", lines, width=QUARTER, y_max=1)

    def _histogram(self, function: Function) -> cloudwatch.GraphWidget:
        """Return the share of scores in each tenth. PR(a:b) counts a < score <= b. The first range has no lower end."""
        bars = [
            self._metrics.score(
                function,
                f"PR({bin_ / _BINS if bin_ else ''}:{(bin_ + 1) / _BINS if bin_ + 1 < _BINS else ''})",
                _HOUR,
                label=f"{bin_ / _BINS:.1f}-{(bin_ + 1) / _BINS:.1f}",
            )
            for bin_ in range(_BINS)
        ]
        return cloudwatch.GraphWidget(
            title=f"Scores of {function}, % in each tenth of the scale",
            left=bars,
            view=cloudwatch.GraphWidgetView.BAR,
            # One bar for the whole time range of the dashboard.
            set_period_to_time_range=True,
            left_y_axis=cloudwatch.YAxisProps(min=0, show_units=False),
            width=QUARTER,
            height=6,
        )

    def _each(self, name: str, period: Duration, label: str = "") -> list[cloudwatch.IMetric]:
        """Return the sum of a metric for each function."""
        return [self._metrics.of(function, name, "Sum", period, label=f"{function}{label}") for function in FUNCTIONS]
