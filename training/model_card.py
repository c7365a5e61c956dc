"""MODEL_CARD.md, rendered from ``card.json``: every figure in it was measured by the evaluation command.

    python -m training.model_card

renders it again, without any films.
"""

import argparse
import json
from pathlib import Path
from typing import Any

# Published on the same 624 films.
PEERS: dict[str, dict[str, float | None]] = {
    "origin": {"sensitivity": 0.969, "specificity": 0.538, "accuracy": 0.808, "auc": None},
    "Kermany 2018": {"sensitivity": 0.932, "specificity": 0.901, "accuracy": 0.928, "auc": 0.968},
}

HEADLINE = {
    "auc": "AUC",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "accuracy": "accuracy",
    "f1": "F1",
    "expected_calibration_error": "expected calibration error (15 bins)",
}


def with_interval(values: list[float]) -> str:
    return "{:.3f} ({:.3f}-{:.3f})".format(*values)


def headline_table(test: dict[str, Any]) -> list[str]:
    lines = [
        "| | " + " | ".join(PEERS) + " | this model (95% interval) |",
        "|---|" + "---|" * (len(PEERS) + 1),
    ]
    for key, title in HEADLINE.items():
        published = [row.get(key) for row in PEERS.values()]
        cells = ["-" if value is None else f"{value:.3f}" for value in published]
        lines.append(f"| {title} | " + " | ".join(cells) + f" | **{with_interval(test[key])}** |")
    return lines


def operating_table(card: dict[str, Any]) -> list[str]:
    lines = [
        "| operating point | threshold | validation sensitivity / specificity | test sensitivity / specificity |",
        "|---|---|---|---|",
    ]
    for name, point in card["operating_points"].items():
        test = card["metrics"]["test"]["operating_points"][name]
        lines.append(
            f"| `{name}` | {point['threshold']:.3f} "
            f"| {point['validation_sensitivity']:.3f} / {point['validation_specificity']:.3f} "
            f"| {test['sensitivity']:.3f} / {test['specificity']:.3f} |"
        )
    return lines


def triage_table(triage: dict[str, dict[str, int]]) -> list[str]:
    lines = ["| triage | normal | pneumonia | wrong |", "|---|---|---|---|"]
    for name, row in triage.items():
        total = row["normal"] + row["pneumonia"]
        wrong = {"likely_normal": row["pneumonia"], "likely_pneumonia": row["normal"]}.get(name)
        share = "-" if wrong is None or not total else f"{wrong} of {total} ({wrong / total:.1%})"
        lines.append(f"| `{name}` | {row['normal']} | {row['pneumonia']} | {share} |")
    return lines


def precision_section(cost: dict[str, Any]) -> list[str]:
    return [
        "",
        f"Against the same networks in float32 on these {cost['films']} films, int8 gives up "
        f"{cost['auc_given_up']:.4f} of AUC (float32: {cost['auc_float32']:.4f}); "
        f"{cost['decisions_changed']:.1%} of the decisions differ; correlation of the logits "
        f"{cost['logit_correlation']:.4f}.",
    ]


def adults_section(adults: dict[str, Any]) -> list[str]:
    return [
        "",
        "## Adults (outside the training population)",
        "",
        f"AUC opacity against normal {with_interval(adults['auc_opacity_against_normal'])}; against normal and other "
        f"findings {with_interval(adults['auc_opacity_against_all_others'])}. At the shipped threshold: sensitivity "
        f"{adults['sensitivity']:.3f}, specificity on normals {adults['specificity_normal']:.3f}. Films: "
        + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in adults["films"].items())
        + ". The thresholds were made on children and are not valid for adults.",
        *([_boxes(adults["boxes"])] if "boxes" in adults else []),
    ]


def _boxes(found: dict[str, Any]) -> str:
    return (
        f"On {found['films']} adult films with an opacity the hottest cell of the heatmap lies in a box that a "
        f"radiologist drew on {found['hottest_in_box']:.1%}; the boxes cover {found['box_area']:.1%} of these films."
    )


def heatmap_section(heat: dict[str, Any]) -> list[str]:
    return [
        "",
        "## Heatmaps",
        "",
        f"On {heat['films']} test films with pneumonia, blacking out the hottest 20% of the film lowers the logit more "
        f"than blacking out a random 20% on {heat['occlusion_wins']:.1%} of them (mean drop "
        f"{heat['mean_drop_hottest']:.2f} against {heat['mean_drop_random']:.2f}). With shuffled weights the maps "
        f"correlate {heat['randomised_rank_correlation']:.2f} (Spearman) with the real ones.",
        *([_lungs(heat["lungs"])] if "lungs" in heat else []),
    ]


def _lungs(found: dict[str, Any]) -> str:
    return (
        f"On {found['films']} of them with lung masks drawn by hand, {found['heat_in_lungs']:.1%} of the heat lies "
        f"inside the lungs, which cover {found['lung_area']:.1%} of the film. The hottest place lies inside on "
        f"{found['peak_in_lungs']:.1%} of them."
    )


def sizes_section(found: dict[str, Any]) -> list[str]:
    return [
        "",
        f"{found['films']} test films enlarged to {found['enlarged_to']} pixels (in place of the originals, which are "
        f"not at hand) move in probability by {found['mean_difference']:.4f} on average and "
        f"{found['largest_difference']:.3f} at most; {found['labels_changed']} labels change.",
    ]


def repeated(seeds: list[int]) -> str:
    return f" with {len(seeds)} seeds and a second mean" if len(seeds) > 1 else ""


def training_section(training: dict[str, Any], members: str) -> list[str]:
    networks = training["films_of_each_network"]
    tuned = training.get("tuned")
    later = training.get("later_block")
    return [
        f"Xception pre-trained on ImageNet, output stride 16, features pooled over the lung fields that the network "
        f"predicts, one dense unit ({members}); grey image in, scaling inside the graph, Platt calibration and "
        f"thresholds in the card. {len(networks)} networks were trained, each on {min(networks.values())} to "
        f"{max(networks.values())} films and scored on the others; the mean of their weights is served"
        + (f", after further training on {tuned['films']} films{repeated(tuned['seeds'])}." if tuned else ".")
        + f" In all {training['films']} films of {training['patients']} patients, {training['prevalence']:.0%} with "
        f"pneumonia: {training['data']}. Full settings are in `card.json`.",
        *(
            [
                "",
                "A network of the same kind, trained without the normal films of the later series and scored on them: "
                f"AUC {later['auc']:.4f}.",
            ]
            if later
            else []
        ),
    ]


def gate_section(measured: dict[str, Any], limits: dict[str, Any]) -> list[str]:
    """Rates of the gate; see training/gate_check.py for what is counted."""
    titles = {
        "test": "test split (refused and flagged must be few)",
        "other_population": "adults, unlabelled, of patients that had no part in the fit",
        "labelled_adults": "adults, labelled by radiologists",
        "not_chest_xray": "no chest X-rays at all (must be refused)",
    }
    lines = [
        "",
        "## Is it a chest X-ray, and of a child?",
        "",
        f"A distance above {limits['distance_threshold']:.2f} from the features of chest X-rays is refused as "
        "`not_a_chest_xray`, a film that was turned as `wrong_orientation`, an inverted one is inverted back; "
        "`force=true` predicts all the same. A film unlike those of the training population is answered with "
        "`in_training_population: false`. No picture that is not a chest X-ray had a part in the fit.",
        "",
        "| pictures | images | refused | flagged as another population |",
        "|---|---|---|---|",
    ]
    for key, title in titles.items():
        if key in measured:
            row = measured[key]
            lines.append(f"| {title} | {row['images']} | {row['refused']:.1%} | {row['flagged']:.1%} |")
    if "not_chest_xray" in measured:
        folders = measured["not_chest_xray"]["refused_by_folder"]
        lines += ["", "Refused by folder: " + ", ".join(f"{name} {rate:.1%}" for name, rate in folders.items()) + "."]
    lines += ["", "| made from upright films | outcomes |", "|---|---|"]
    for pose, found in measured["poses"].items():
        lines.append(f"| `{pose}` | " + ", ".join(f"`{name}` {count}" for name, count in found.items()) + " |")
    return lines


def render(card: dict[str, Any]) -> str:
    """The card as Markdown."""
    measured, training = card["metrics"], card["training"]
    test, validation = measured["test"], measured["validation"]
    counts = test["confusion"]
    kinds = ", ".join(
        f"{k} {v['sensitivity']:.3f} ({v['films']} films)" for k, v in test["sensitivity_by_kind"].items()
    )
    members = "; ".join(
        f"`{m['file']}`, {m['input']['width']}x{m['input']['height']}, {m.get('precision', 'float32')}"
        for m in card["members"]
    )
    lines = [
        f"# Model card: {card['name']} {card['version']}",
        "",
        f"> {card['notice']}",
        "",
        "Written by `make evaluate` from `card.json`; do not edit.",
        "",
        "## Intended use",
        "",
        card["intended_use"],
        "",
        "Must not be used for: diagnosis or treatment decisions; ruling pneumonia out without a radiologist; adults; "
        "other views than frontal; CT, ultrasound or photographs of anything else.",
        "",
        "## Limits",
        "",
        *(f"- {limit}" for limit in card["limits"]),
        "",
        "## Model and data",
        "",
        *training_section(training, members),
        "",
        f"## Test split ({test['films']} films of {test['patients']} patients, scored after every choice was made)",
        "",
        *headline_table(test),
        "",
        f"Confusion matrix at the balanced threshold {test['threshold']:.3f}: TN {counts['tn']}, FP {counts['fp']}, "
        f"FN {counts['fn']}, TP {counts['tp']}. Sensitivity by kind: {kinds}. Intervals: 2,000 bootstrap samples of "
        "patients.",
        "",
        f"Cross-validation on the training films: AUC {validation['auc']:.4f} "
        f"(folds {', '.join(f'{v:.4f}' for v in validation['auc_per_fold'])}), under drawn acquisitions "
        f"{validation['shifted']['auc']:.4f}; at the balanced threshold sensitivity {validation['sensitivity']:.3f}, "
        f"specificity {validation['specificity']:.3f}. Of held-out normal films "
        f"{validation['cut_normals_called_ill']:.1%} are called ill after a quarter of their height was cut off. "
        "The gap to the test split is the shift between acquisition blocks: expect one at least as large at your "
        "hospital.",
        "",
        *operating_table(card),
        "",
        *triage_table(test["triage"]),
        *(precision_section(measured["precision"]) if "precision" in measured else []),
        *(sizes_section(measured["sizes"]) if "sizes" in measured else []),
        "",
        "| | |",
        "|---|---|",
        "| ![ROC curve](plots/roc.png) | ![Calibration](plots/calibration.png) |",
        "| ![Thresholds](plots/thresholds.png) | ![Scores](plots/scores.png) |",
        "| ![Confusion matrix](plots/confusion.png) | |",
        *(adults_section(measured["adults"]) if "adults" in measured else []),
        *(heatmap_section(measured["heatmap"]) if "heatmap" in measured else []),
        *(gate_section(measured["gate"], card["gate"]) if "gate" in measured else []),
        "",
        "## Sources and licences",
        "",
        "Films: Kermany, Zhang, Goldbaum, Labeled Optical Coherence Tomography (OCT) and Chest X-Ray Images, Mendeley "
        "Data v2, CC BY 4.0. Backbone: ImageNet weights of Keras Applications. Adult films (evaluation only): NIH "
        "Clinical Center, classes from the RSNA 2018 challenge.",
    ]
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifacts", type=Path, default=Path("model_artifacts"), help="default: %(default)s")
    folder = parser.parse_args(argv).artifacts
    card = json.loads((folder / "card.json").read_text())
    (folder / "MODEL_CARD.md").write_text(render(card))
    print(f"wrote {folder}/MODEL_CARD.md")


if __name__ == "__main__":
    main()
