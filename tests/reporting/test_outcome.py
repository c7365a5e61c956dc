from pathlib import Path

from pneumonia_cli.reporting.images import ImageFile
from pneumonia_cli.reporting.outcome import Outcome, by_status


def predicted(name: str, probability: float) -> Outcome:
    return Outcome(ImageFile(Path(name), name), {"status": "predicted", "pneumonia": probability})


def test_predicted_ones_are_ranked_and_others_left_in_order() -> None:
    rejected = Outcome(ImageFile(Path("x"), "x"), {"status": "rejected"})
    missing = Outcome(ImageFile(Path("y"), "y"), missing="late")
    outcomes = [predicted("b", 0.2), rejected, predicted("c", 0.9), missing, predicted("a", 0.2)]
    assert [outcome.image.name for outcome in by_status(outcomes, "predicted")] == ["c", "a", "b"]
    assert by_status(outcomes, "rejected") == [rejected]
    assert by_status(outcomes, "missing") == [missing]
