"""The metrics that the functions themselves send (lambda_src's metrics.py), as alarms and dashboard read them."""

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
    """Metrics of one stack. All take the statistic and period by which they are read."""

    def __init__(self, stack_name: str) -> None:
        self._stack_name = stack_name

    def of(
        self, function: Function, name: str, statistic: str, period: Duration, *, label: str | None = None
    ) -> cloudwatch.Metric:
        """A metric of one function, whatever the model."""
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
        """The scores of the model that is deployed with this stack, and of no other."""
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name="Score",
            dimensions_map={"Stack": self._stack_name, "Function": function, "ModelVersion": model_version()},
            statistic=statistic,
            period=period,
            label=label,
        )

    def rejections_by_code(self, function: Function, period: Duration) -> cloudwatch.MathExpression:
        """One line for every code that has occurred; a code of tomorrow shows without a change here."""
        search = (
            f'SEARCH(\'{{{NAMESPACE},Stack,Function,Code}} Stack="{self._stack_name}" Function="{function}" '
            f"MetricName=\"Rejections\"', 'Sum', {int(period.to_seconds())})"
        )
        # CloudWatch fills in the code of each line.
        return cloudwatch.MathExpression(expression=search, label=f"{function} ${{PROP('Dim.Code')}}", period=period)

    def rejected_percent(self, period: Duration, *, min_images: int = 1) -> cloudwatch.MathExpression:
        """Refused images in percent of all; 0 while there were fewer than `min_images` of both."""
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
    """The version in model_artifacts/card.json, with which every score is labelled."""
    return str(json.loads(_CARD.read_text(encoding="utf-8"))["version"])
