"""Compare the served int8 model with the same networks in float32, on the same images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from training import metrics
from training.scoring import Scores

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Cost:
    """The cost of int8: loss of AUC (positive if float32 is better), share of decisions that differ at the shipped
    thresholds, and Pearson correlation of the logits. All are fractions, not percentages."""

    films: int
    auc_float32: float
    auc_given_up: float
    decisions_changed: float
    logit_correlation: float


def compare(y: Array, served: Scores, float32: Scores, thresholds: tuple[float, float]) -> Cost:
    """Compare the scores of both models. The labels ``y``, ``[N]``, and the scores are in the same order.

    ``thresholds``: of the served card and of the float32 card. Raises ``ValueError`` if the numbers of labels and
    scores differ.
    """
    if not len(y) == len(served.logit) == len(float32.logit):
        raise ValueError(f"{len(y)} labels, but {len(served.logit)} and {len(float32.logit)} scores")
    whole = metrics.auc(y, float32.probability)
    changed = (served.probability >= thresholds[0]) != (float32.probability >= thresholds[1])
    return Cost(
        films=len(y),
        auc_float32=metrics.rounded(whole),
        auc_given_up=metrics.rounded(whole - metrics.auc(y, served.probability)),
        decisions_changed=metrics.rounded(float(changed.mean())),
        logit_correlation=metrics.rounded(float(np.corrcoef(served.logit, float32.logit)[0, 1])),
    )
