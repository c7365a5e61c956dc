"""MODEL_CARD.md, rendered from ``card.json``: every figure in it was measured by the evaluation command."""

from typing import Any

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


def headline_table(test: dict[str, Any], peers: dict[str, dict[str, float | None]]) -> list[str]:
    lines = [
        "| | " + " | ".join(peers) + " | this model (95% interval) |",
        "|---|" + "---|" * (len(peers) + 1),
    ]
    for key, title in HEADLINE.items():
        published = [row.get(key) for row in peers.values()]
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
    ]


def heatmap_section(heat: dict[str, Any]) -> list[str]:
    return [
        "",
        "## Heatmaps",
        "",
        f"On {heat['films']} test films with pneumonia, blacking out the hottest 20% of the film lowers the logit more "
        f"than blacking out a random 20% on {heat['occlusion_wins']:.1%} of them (mean drop "
        f"{heat['mean_drop_hottest']:.2f} against {heat['mean_drop_random']:.2f}). With shuffled weights the maps "
        f"correlate {heat['randomised_rank_correlation']:.2f} (Spearman) with the real ones. "
        f"{heat['lung_share']:.1%} of the positive heat lies in two ellipses over the lung fields, which cover "
        f"{heat['lung_area']:.1%} of the film.",
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


def render(card: dict[str, Any], peers: dict[str, dict[str, float | None]]) -> str:
    """The card as Markdown; ``peers``: published figures on the same films, by name."""
    measured, training = card["metrics"], card["training"]
    test, validation = measured["test"], measured["validation"]
    counts = test["confusion"]
    kinds = ", ".join(
        f"{k} {v['sensitivity']:.3f} ({v['films']} films)" for k, v in test["sensitivity_by_kind"].items()
    )
    folds = "; ".join(f"{name}: {', '.join(run['finished'])}" for name, run in training["runs"].items())
    members = "; ".join(
        f"`{m['file']}`, {m['input']['width']}x{m['input']['height']}, {m.get('precision', 'float32')}"
        for m in card["members"]
    )
    several = f" The logits of {len(card['members'])} such networks are averaged." if len(card["members"]) > 1 else ""
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
        f"Xception pre-trained on ImageNet, global average pooling, one dense unit ({members}); grey image in, scaling "
        f"inside the graph, Platt calibration and thresholds in the card.{several} The weights are the mean of the "
        f"networks trained ({folds}), each on the other folds. "
        f"Trained on {training['films']} films of {training['patients']} patients, {training['prevalence']:.0%} with "
        f"pneumonia: {training['data']}. Full settings are in `card.json`.",
        "",
        f"## Test split ({test['films']} films of {test['patients']} patients, scored after every choice was made)",
        "",
        *headline_table(test, peers),
        "",
        f"Confusion matrix at the balanced threshold {test['threshold']:.3f}: TN {counts['tn']}, FP {counts['fp']}, "
        f"FN {counts['fn']}, TP {counts['tp']}. Sensitivity by kind: {kinds}. Intervals: 2,000 bootstrap samples of "
        "patients.",
        "",
        f"Cross-validation on the training films: AUC {validation['auc']:.4f} "
        f"(folds {', '.join(f'{v:.4f}' for v in validation['auc_per_fold'])}), at the balanced threshold sensitivity "
        f"{validation['sensitivity']:.3f}, specificity {validation['specificity']:.3f}. The gap to the test split is "
        "the shift between acquisition blocks: expect a gap at least as large at your hospital.",
        "",
        *operating_table(card),
        "",
        *triage_table(test["triage"]),
        *(precision_section(measured["precision"]) if "precision" in measured else []),
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
