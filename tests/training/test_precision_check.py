import numpy as np
import pytest

from training import precision_check
from training.scoring import Scores


def scores(*logits: float) -> Scores:
    logit = np.array(logits)
    return Scores(logit, 1 / (1 + np.exp(-logit)), ["indeterminate"] * len(logits), np.zeros((len(logits), 1, 1), "f4"))


LABELS = np.array([0.0, 0.0, 1.0, 1.0])


def test_the_same_scores_cost_nothing() -> None:
    same = scores(-2, -1, 1, 2)
    cost = precision_check.compare(LABELS, same, same, (0.5, 0.5))
    assert (cost.films, cost.auc_float32, cost.auc_given_up, cost.decisions_changed) == (4, 1.0, 0.0, 0.0)
    assert cost.logit_correlation == 1.0


def test_a_worse_ranking_and_a_crossed_threshold_are_counted() -> None:
    cost = precision_check.compare(LABELS, scores(-2, 1.5, 1, 2), scores(-2, -1, 1, 2), (0.5, 0.5))
    assert cost.auc_given_up == 0.25
    assert cost.decisions_changed == 0.25
    assert cost.logit_correlation < 1


def test_each_model_uses_its_threshold() -> None:
    same = scores(-2, -1, 1, 2)
    assert precision_check.compare(LABELS, same, same, (0.5, 0.8)).decisions_changed == 0.25


def test_scores_of_other_images_are_refused() -> None:
    with pytest.raises(ValueError, match="4 labels, but 4 and 3 scores"):
        precision_check.compare(LABELS, scores(-2, -1, 1, 2), scores(-2, -1, 1), (0.5, 0.5))
