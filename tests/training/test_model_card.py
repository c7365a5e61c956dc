"""The rendered card says what card.json says."""

import json
from pathlib import Path

from training import model_card
from training.evaluate import PEERS

ARTIFACTS = Path(__file__).parents[2] / "model_artifacts"


def test_the_committed_card_is_what_the_figures_render_to() -> None:
    document = json.loads((ARTIFACTS / "card.json").read_text())
    assert (ARTIFACTS / "MODEL_CARD.md").read_text() == model_card.render(document, PEERS)


def test_every_plot_of_the_card_is_there() -> None:
    text = (ARTIFACTS / "MODEL_CARD.md").read_text()
    names = [part.split(")")[0] for part in text.split("(plots/")[1:]]
    assert len(names) == 5
    assert all((ARTIFACTS / "plots" / name).stat().st_size > 5000 for name in names)


def test_triage_rows_count_what_is_wrong() -> None:
    rows = model_card.triage_table(
        {
            "likely_normal": {"normal": 90, "pneumonia": 10},
            "indeterminate": {"normal": 5, "pneumonia": 5},
            "likely_pneumonia": {"normal": 0, "pneumonia": 0},
        }
    )
    assert "| `likely_normal` | 90 | 10 | 10 of 100 (10.0%) |" in rows
    assert "| `likely_pneumonia` | 0 | 0 | - |" in rows
