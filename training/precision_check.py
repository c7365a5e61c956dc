"""What int8 costs: the served model beside the same networks in float32, on the same films."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training import metrics
from training.scoring import Scores

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Cost:
    """AUC given up (positive: float32 ranks better), share of decisions at the shipped threshold that differ,
    and Pearson correlation of the logits. Fractions, no percentages."""

    films: int
    auc_float32: float
    auc_given_up: float
    decisions_changed: float
    logit_correlation: float


def compare(y: Array, served: Scores, float32: Scores, thresholds: tuple[float, float]) -> Cost:
    """Labels ``[N]`` and the scores of both, in the same order; ``thresholds``: of the served card and of the other.

    Raises ValueError if both have not scored the same number of films.
    """
    if not len(y) == len(served.logit) == len(float32.logit):
        raise ValueError(f"{len(y)} labels, but {len(served.logit)} and {len(float32.logit)} scores")
    whole = metrics.auc(y, float32.probability)
    changed = (served.probability >= thresholds[0]) != (float32.probability >= thresholds[1])
    return Cost(
        films=len(y),
        auc_float32=round(whole, 4),
        auc_given_up=round(whole - metrics.auc(y, served.probability), 4),
        decisions_changed=round(float(changed.mean()), 4),
        logit_correlation=round(float(np.corrcoef(served.logit, float32.logit)[0, 1]), 4),
    )
