"""The metrics that the functions write (lambda_src's metrics.py), for alarms and dashboard."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final, Literal

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

NAMESPACE: Final = "PneumoniaTriage"

Function = Literal["api", "worker"]
FUNCTIONS: Final[tuple[Function, ...]] = ("api", "worker")

_CARD: Final = Path(__file__).resolve().parent.parent / "model_artifacts" / "card.json"


class CustomMetrics:
    """Metrics of one stack. Each method takes the statistic and the period to read."""

    def __init__(self, stack_name: str) -> None:
        self._stack_name = stack_name

    def of(
        self, function: Function, name: str, statistic: str, period: Duration, *, label: str | None = None
    ) -> cloudwatch.Metric:
        """Return a metric of one function, for all model versions."""
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=name,
            dimensions_map={"Stack": self._stack_name, "Function": function},
            statistic=statistic,
            period=period,
            label=label,
        )

    def score(
        self, function: Function, statistic: str, period: Duration, *, label: str | None = None
    ) -> cloudwatch.Metric:
        """Return the scores of the deployed model only."""
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name="Score",
            dimensions_map={"Stack": self._stack_name, "Function": function, "ModelVersion": model_version()},
            statistic=statistic,
            period=period,
            label=label,
        )

    def rejections_by_code(self, function: Function, period: Duration) -> cloudwatch.MathExpression:
        """Return one line for every rejection code that has occurred. New codes appear without a change here."""
        search = (
            f'SEARCH(\'{{{NAMESPACE},Stack,Function,Code}} Stack="{self._stack_name}" Function="{function}" '
            f"MetricName=\"Rejections\"', 'Sum', {int(period.to_seconds())})"
        )
        # CloudWatch fills in the code of each line.
        return cloudwatch.MathExpression(expression=search, label=f"{function} ${{PROP('Dim.Code')}}", period=period)

    def rejected_percent(self, period: Duration, *, min_images: int = 1) -> cloudwatch.MathExpression:
        """Return the percentage of refused images, or 0 if there were fewer than `min_images` images in total."""
        counts = {
            f"{name.lower()}_{function}": self.of(function, name, "Sum", period)
            for function in FUNCTIONS
            for name in ("Predictions", "Rejections")
        }
        refused = "+".join(f"FILL({name},0)" for name in counts if name.startswith("rejections"))
        images = "+".join(f"FILL({name},0)" for name in counts)
        return cloudwatch.MathExpression(
            expression=f"IF({images}>={min_images}, 100*({refused})/({images}), 0)",
            using_metrics=dict(counts),
            label="refused, % of images",
            period=period,
        )


def model_version() -> str:
    """Return the version in model_artifacts/card.json, which is a dimension of every score."""
    return str(json.loads(_CARD.read_text(encoding="utf-8"))["version"])
