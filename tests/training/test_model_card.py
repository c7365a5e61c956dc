"""The card is rendered from card.json alone and shows all of its figures."""

import json
from pathlib import Path
from typing import Any

import pytest

from training import model_card

SHIPPED = Path(__file__).parents[2] / "model_artifacts"


def interval(value: float) -> list[float]:
    return [value, value - 0.01, value + 0.01]


def document() -> dict[str, Any]:
    """Return a card with every section that `make evaluate` can fill."""
    points = {
        name: {"threshold": t, "validation_sensitivity": 0.99, "validation_specificity": 0.9}
        for name, t in (("rule_out", 0.1), ("balanced", 0.4), ("rule_in", 0.9))
    }
    triage = {name: {"normal": 8, "pneumonia": 2} for name in ("likely_normal", "indeterminate", "likely_pneumonia")}
    test = {
        "films": 30, "patients": 20, "threshold": 0.4, "triage": triage,
        "confusion": {"tn": 13, "fp": 2, "fn": 1, "tp": 14},
        "operating_points": {name: {"sensitivity": 0.9333, "specificity": 0.8667} for name in points},
        "sensitivity_by_kind": {"virus": {"films": 9, "sensitivity": 0.888}},
        **{name: interval(0.95) for name in model_card.HEADLINE},
    }  # fmt: skip
    return {
        "name": "tiny", "version": "9.9.9", "notice": "Research use only.", "intended_use": "Tests.",
        "limits": ["Knows nothing."],
        "members": [{"file": "tiny-int8.onnx", "input": {"width": 71, "height": 71}, "precision": "int8"}],
        "operating_points": points,
        "gate": {"distance_threshold": 12.345},
        "training": {
            "data": "Images of St. Nowhere", "films": 24, "patients": 12, "prevalence": 0.75,
            "films_of_each_network": {"fold-0": 16, "fold-1": 17},
            "tuned": {"films": 24, "seeds": [7, 8]}, "later_block": {"auc": 0.98765},
        },
        "metrics": {
            "validation": {
                "auc": 0.99712, "auc_per_fold": [0.996, 0.998], "sensitivity": 0.961, "specificity": 0.942,
                "shifted": {"auc": 0.99123}, "cut_normals_called_ill": 0.0384,
            },
            "test": test,
            "precision": {
                "films": 30, "auc_float32": 0.9912, "auc_given_up": 0.0001, "decisions_changed": 0.012,
                "logit_correlation": 0.9987,
            },
            "sizes": {
                "films": 10, "enlarged_to": 1792, "mean_difference": 0.0123, "largest_difference": 0.145,
                "labels_changed": 1,
            },
            "adults": {
                "films": {"lung_opacity": 4, "normal": 5}, "sensitivity": 0.7, "specificity_normal": 0.8,
                "auc_opacity_against_normal": interval(0.87), "auc_opacity_against_all_others": interval(0.8),
                "boxes": {"films": 4, "hottest_in_box": 0.51, "box_area": 0.15},
            },
            "heatmap": {
                "films": 15, "occlusion_wins": 0.956, "mean_drop_hottest": 2.5, "mean_drop_random": 0.3,
                "randomised_rank_correlation": 0.02,
                "lungs": {"films": 12, "heat_in_lungs": 0.812, "peak_in_lungs": 0.993, "lung_area": 0.34},
            },
            "gate": {
                "test": {"images": 30, "refused": 0.0, "flagged": 0.033},
                "not_chest_xray": {
                    "images": 50, "refused": 0.98, "flagged": 0.02, "refused_by_folder": {"cats": 0.98},
                },
                "poses": {"turned_90": {"wrong_orientation": 30}},
            },
        },
    }  # fmt: skip


def test_the_card_is_rendered_again_from_card_json_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    card = document()
    (tmp_path / "card.json").write_text(json.dumps(card))
    model_card.main(["--artifacts", str(tmp_path)])
    assert (tmp_path / "MODEL_CARD.md").read_text() == model_card.render(card)
    assert f"wrote {tmp_path}/MODEL_CARD.md" in capsys.readouterr().out


@pytest.mark.parametrize(
    "said",
    [
        "# Model card: tiny 9.9.9",
        "2 networks were trained, each on 16 to 17 images, and scored on the others",
        "was trained further on 24 images with 2 seeds, and the mean of these 2 is served.",
        "24 images of 12 patients, 75% with pneumonia, from Images of St. Nowhere",
        "Its AUC on these images is 0.9877",
        "AUC 0.9971 (folds 0.9960, 0.9980), under simulated acquisitions 0.9912",
        "3.8% are called pneumonia after a quarter of their height was cut off",
        "| AUC | - | 0.968 | **0.950 (0.940-0.960)** |",
        "TN 13, FP 2, FN 1, TP 14",
        "virus 0.888 (9 images)",
        "int8 lowers the AUC by 0.0001",
        "changes by 0.0123 on average and by 0.145 at most. Labels that change: 1.",
        "In 51.0% of 4 adult images",
        "In 95.6% of 15 test images",
        "81.2% of the heat lies inside the lungs, which cover 34.0% of the image",
        "at a distance above 12.35 from",
        "Refused by folder: cats 98.0%.",
        "| `turned_90` | `wrong_orientation` 30 |",
    ],
)
def test_every_figure_is_in_the_card(said: str) -> None:
    assert said in model_card.render(document())


@pytest.mark.parametrize(
    ("section", "title"),
    [("adults", "## Adults"), ("heatmap", "## Heatmaps"), ("gate", "## Is it a chest X-ray"), ("sizes", "enlarged to"),
     ("precision", "int8 lowers")],
)  # fmt: skip
def test_sections_without_measurements_are_left_out(section: str, title: str) -> None:
    card = document()
    assert title in model_card.render(card)
    del card["metrics"][section]
    assert title not in model_card.render(card)


@pytest.mark.skipif(
    json.loads((SHIPPED / "card.json").read_text())["schema_version"] == 1,
    reason="the shipped card has the first schema; other code rendered it",
)
def test_the_shipped_card_matches_card_json() -> None:
    card = json.loads((SHIPPED / "card.json").read_text())
    assert (SHIPPED / "MODEL_CARD.md").read_text() == model_card.render(card)


def test_every_plot_of_the_shipped_card_is_there() -> None:
    text = (SHIPPED / "MODEL_CARD.md").read_text()
    names = [part.split(")")[0] for part in text.split("(plots/")[1:]]
    assert len(names) == 5
    assert all((SHIPPED / "plots" / name).stat().st_size > 5000 for name in names)


def test_the_figures_of_the_shipped_card_are_rounded_once() -> None:
    """A reader who rounds 0.9145 (214 of 234) again gets 0.914 instead of 0.915."""
    test = json.loads((SHIPPED / "card.json").read_text())["metrics"]["test"]
    counts = test["confusion"]
    sensitivity = counts["tp"] / (counts["tp"] + counts["fn"])
    specificity = counts["tn"] / (counts["tn"] + counts["fp"])
    assert test["sensitivity"][0] == pytest.approx(sensitivity, abs=1e-6)
    assert test["specificity"][0] == pytest.approx(specificity, abs=1e-6)
    assert f"{test['specificity'][0]:.3f}" == f"{specificity:.3f}"


def test_the_note_for_editors_is_a_comment() -> None:
    assert [line for line in model_card.render(document()).splitlines() if "do not edit" in line] == [
        "<!-- Written by `make evaluate` from `card.json`; do not edit. -->"
    ]


def test_one_seed_has_no_second_mean() -> None:
    assert model_card.served_mean(None) == "The mean of their weights is served."
    assert model_card.served_mean({"films": 5, "seeds": [7]}).endswith("was trained further on 5 images and is served.")


def test_the_triage_table_counts_the_wrong_results() -> None:
    rows = model_card.triage_table(
        {
            "likely_normal": {"normal": 90, "pneumonia": 10},
            "indeterminate": {"normal": 5, "pneumonia": 5},
            "likely_pneumonia": {"normal": 0, "pneumonia": 0},
        }
    )
    assert "| `likely_normal` | 90 | 10 | 10 of 100 (10.0%) |" in rows
    assert "| `likely_pneumonia` | 0 | 0 | - |" in rows
