"""Render MODEL_CARD.md from ``card.json`` alone; no images are needed.

    python -m training.model_card

``training.evaluate`` measured every figure of the card and also renders it.
"""

import argparse
import json
from pathlib import Path
from typing import Any

# Figures that others published for the same 624 images.
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
        f"Compared with the same networks in float32 on these {cost['films']} images, int8 lowers the AUC by "
        f"{cost['auc_given_up']:.4f} (float32: {cost['auc_float32']:.4f}) and changes {cost['decisions_changed']:.1%} "
        f"of the decisions. The logits correlate {cost['logit_correlation']:.4f}.",
    ]


def adults_section(adults: dict[str, Any]) -> list[str]:
    return [
        "",
        "## Adults (outside the training population)",
        "",
        f"AUC of lung opacity against normal: {with_interval(adults['auc_opacity_against_normal'])}. AUC of lung "
        f"opacity against normal and other findings: {with_interval(adults['auc_opacity_against_all_others'])}. At the "
        f"balanced threshold the sensitivity is {adults['sensitivity']:.3f}, and the specificity on normal images is "
        f"{adults['specificity_normal']:.3f}. Images: "
        + ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in adults["films"].items())
        + ". The thresholds were chosen on images of children and are not valid for adults.",
        *([_boxes(adults["boxes"])] if "boxes" in adults else []),
    ]


def _boxes(found: dict[str, Any]) -> str:
    return (
        f"In {found['hottest_in_box']:.1%} of {found['films']} adult images with an opacity, the hottest cell of the "
        f"heatmap is in a box that a radiologist drew. The boxes cover {found['box_area']:.1%} of these images."
    )


def heatmap_section(heat: dict[str, Any]) -> list[str]:
    return [
        "",
        "## Heatmaps",
        "",
        f"In {heat['occlusion_wins']:.1%} of {heat['films']} test images with pneumonia, blacking out the hottest 20% "
        f"of the image lowers the logit more than blacking out a random 20%. The mean drop is "
        f"{heat['mean_drop_hottest']:.2f} against {heat['mean_drop_random']:.2f}. The maps of a network with shuffled "
        f"weights correlate {heat['randomised_rank_correlation']:.2f} (Spearman) with the maps of this network.",
        *([_lungs(heat["lungs"])] if "lungs" in heat else []),
    ]


def _lungs(found: dict[str, Any]) -> str:
    return (
        f"On {found['films']} of these images with lung masks drawn by hand, {found['heat_in_lungs']:.1%} of the heat "
        f"lies inside the lungs, which cover {found['lung_area']:.1%} of the image. The hottest place lies inside the "
        f"lungs in {found['peak_in_lungs']:.1%} of them."
    )


def sizes_section(found: dict[str, Any]) -> list[str]:
    return [
        "",
        f"{found['films']} test images were enlarged to {found['enlarged_to']} pixels, because the originals are not "
        f"available. Their probability changes by {found['mean_difference']:.4f} on average and by "
        f"{found['largest_difference']:.3f} at most. Labels that change: {found['labels_changed']}.",
    ]


def served_mean(tuned: dict[str, Any] | None) -> str:
    """Return the sentence that says which mean of weights is served."""
    if not tuned:
        return "The mean of their weights is served."
    further = f"The mean of their weights was trained further on {tuned['films']} images"
    seeds = len(tuned["seeds"])
    if seeds == 1:
        return f"{further} and is served."
    return f"{further} with {seeds} seeds, and the mean of these {seeds} is served."


def training_section(training: dict[str, Any], members: str) -> list[str]:
    networks = training["films_of_each_network"]
    later = training.get("later_block")
    return [
        f"The network is Xception, pre-trained on ImageNet, with output stride 16 ({members}). Its features are pooled "
        "over the lung fields that it predicts and feed one dense unit. It takes a grey image and scales it inside the "
        f"graph. {len(networks)} networks were trained, each on {min(networks.values())} to {max(networks.values())} "
        f"images, and scored on the others. {served_mean(training.get('tuned'))} The data: {training['films']} images "
        f"of {training['patients']} patients, {training['prevalence']:.0%} with pneumonia, from {training['data']}. "
        "Settings, calibration and thresholds are in `card.json`.",
        *(
            [
                "",
                "Another network was trained without the normal images of the later series and the pneumonia images of "
                f"the last fold. Its AUC on these images is {later['auc']:.4f}.",
            ]
            if later
            else []
        ),
    ]


def gate_section(measured: dict[str, Any], limits: dict[str, Any]) -> list[str]:
    """Render the rates of the gate that ``training/gate_check.py`` measured."""
    titles = {
        "test": "test split (few should be refused or flagged)",
        "other_population": "adults, unlabelled, of patients who were not used to fit the gate",
        "labelled_adults": "adults, labelled by radiologists",
        "not_chest_xray": "not chest X-rays (all should be refused)",
    }
    lines = [
        "",
        "## Is it a chest X-ray, and of a child?",
        "",
        f"An image at a distance above {limits['distance_threshold']:.2f} from the features of chest X-rays is refused "
        "as `not_a_chest_xray`. A rotated image is refused as `wrong_orientation`. An inverted image is inverted back. "
        "With `force=true`, refused images are predicted too. The result of an image that differs from the training "
        "population has `in_training_population: false`. Only chest X-rays were used to fit the gate.",
        "",
        "| set | images | refused | flagged as another population |",
        "|---|---|---|---|",
    ]
    for key, title in titles.items():
        if key in measured:
            row = measured[key]
            lines.append(f"| {title} | {row['images']} | {row['refused']:.1%} | {row['flagged']:.1%} |")
    if "not_chest_xray" in measured:
        folders = measured["not_chest_xray"]["refused_by_folder"]
        lines += ["", "Refused by folder: " + ", ".join(f"{name} {rate:.1%}" for name, rate in folders.items()) + "."]
    lines += ["", "| change to upright X-rays | outcomes |", "|---|---|"]
    for pose, found in measured["poses"].items():
        lines.append(f"| `{pose}` | " + ", ".join(f"`{name}` {count}" for name, count in found.items()) + " |")
    return lines


def render(card: dict[str, Any]) -> str:
    """Return the card as Markdown."""
    measured, training = card["metrics"], card["training"]
    test, validation = measured["test"], measured["validation"]
    counts = test["confusion"]
    kinds = ", ".join(
        f"{k} {v['sensitivity']:.3f} ({v['films']} images)" for k, v in test["sensitivity_by_kind"].items()
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
        "<!-- Written by `make evaluate` from `card.json`; do not edit. -->",
        "",
        "## Intended use",
        "",
        card["intended_use"],
        "",
        "Must not be used for: diagnosis or treatment decisions; ruling out pneumonia without a radiologist; adults; "
        "views other than frontal; CT, ultrasound or photographs of anything else.",
        "",
        "## Limits",
        "",
        *(f"- {limit}" for limit in card["limits"]),
        "",
        "## Model and data",
        "",
        *training_section(training, members),
        "",
        f"## Test split ({test['films']} images of {test['patients']} patients, scored after every choice was made)",
        "",
        *headline_table(test),
        "",
        f"Confusion matrix at the balanced threshold {test['threshold']:.3f}: TN {counts['tn']}, FP {counts['fp']}, "
        f"FN {counts['fn']}, TP {counts['tp']}. Sensitivity by kind: {kinds}. Intervals: 2,000 bootstrap samples of "
        "patients.",
        "",
        f"Cross-validation on the training images: AUC {validation['auc']:.4f} "
        f"(folds {', '.join(f'{v:.4f}' for v in validation['auc_per_fold'])}), under simulated acquisitions "
        f"{validation['shifted']['auc']:.4f}. At the balanced threshold the sensitivity is "
        f"{validation['sensitivity']:.3f} and the specificity {validation['specificity']:.3f}. Of the held-out normal "
        f"images, {validation['cut_normals_called_ill']:.1%} are called pneumonia after a quarter of their height was "
        "cut off. The gap to the test split is the shift between acquisition blocks. Expect a gap at least as large at "
        "your hospital.",
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
        "Images: Kermany, Zhang, Goldbaum, Labeled Optical Coherence Tomography (OCT) and Chest X-Ray Images, Mendeley "
        "Data v2, CC BY 4.0. Backbone: ImageNet weights of Keras Applications. Adult X-rays (evaluation only): NIH "
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
