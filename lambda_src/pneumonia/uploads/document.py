"""What a result says of an upload that got no prediction."""

from typing import Any

from pneumonia.errors import PneumoniaError, problem
from pneumonia.model.card import Card


def rejected(error: PneumoniaError, request_id: str, card: Card) -> dict[str, Any]:
    """The fields of a result with status `rejected`: the code and words of the problem, and the model's name."""
    document = problem(error, request_id)
    return {
        "status": "rejected",
        **{name: document[name] for name in ("code", "title", "detail", "request_id")},
        "model": card.identity(),
        "notice": card.notice,
    }
