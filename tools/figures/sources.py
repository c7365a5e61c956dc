"""Read all figures that documents may name, as text, from the output files of the measurements."""

import json
import re
from typing import Any

from pneumonia.prevalence import probability_at
from tools.figures import measured
from tools.figures.measured import ROOT

CARD = ROOT / "model_artifacts" / "card.json"
MODEL_CARD = ROOT / "model_artifacts" / "MODEL_CARD.md"
BENCH = ROOT / "bench" / "results.json"
CDK = ROOT / "cdk.json"

BACKFILL_BATCH, MILLION = 25, 1_000_000


def figures() -> dict[str, str]:
    """Return every figure by name. Raises KeyError if a source lacks a value."""
    sections = measured.load()
    card, bench = _json(CARD), _json(BENCH)
    return {
        **model_figures(card, MODEL_CARD.read_text(encoding="utf-8")),
        **bench_figures(bench),
        **backfill_figures(bench, _json(CDK)["context"]),
        **answer_figures(sections["samples"]),
        **fuzz_figures(sections["fuzz"]),
        **header_figures(sections["headers"]),
        **copy_figures(sections["whitening"]["rows"], sections["photos"]["rows"], sections["written"]["rows"]),
        **prevalence_figures(),
    }


def model_figures(card: dict[str, Any], model_card: str) -> dict[str, str]:
    """Return the figures of the model from its card, and the origin's published figures from MODEL_CARD.md."""
    metrics, test = card["metrics"], card["metrics"]["test"]
    table = _rows(model_card, "| | origin |")
    published = {cells[0]: cells[1:] for cells in map(_cells, table[2:])}
    found = {
        "model.version": card["version"],
        "test.films": str(test["films"]),
        "headline": "\n".join(row.replace("**", "") for row in table if not row.startswith("| F1 ")),
        "origin.sensitivity": published["sensitivity"][0],
        "origin.specificity": published["specificity"][0],
        "validation.specificity": f"{metrics['validation']['specificity']:.3f}",
        "adults.auc": f"{metrics['adults']['auc_opacity_against_normal'][0]:.2f}",
    }
    for name in ("auc", "sensitivity", "specificity"):
        found[f"test.{name}"] = f"{test[name][0]:.3f}"
    found["test.auc.interval"] = "{1:.3f}-{2:.3f}".format(*test["auc"])
    for name in ("heat_in_lungs", "peak_in_lungs", "lung_area"):
        found[name] = f"{metrics['heatmap']['lungs'][name]:.0%}"
    triage = test["triage"]
    found |= {f"triage.{name}.all": str(sum(counts.values())) for name, counts in triage.items()}
    found["triage.likely_normal.pneumonia"] = str(triage["likely_normal"]["pneumonia"])
    found["triage.likely_pneumonia.normal"] = str(triage["likely_pneumonia"]["normal"])
    return found


def bench_figures(bench: dict[str, Any]) -> dict[str, str]:
    """Return time, size and price of the service and of the origin, from bench/results.json."""
    process, container = (_section(bench, name) for name in ("process", "container"))
    warm, cold = process["jpeg_2000"]["origin_over_ours"]["ms"], container["cold_warm_cache"]["ms"]
    return {
        "bench.model": process["model"]["version"],
        "bench.warm.cpu": _cpu(process["machine"]),
        "bench.cold.cpu": _cpu(container["machine"]),
        "bench.warm": _ms(warm["handler"]),
        "bench.warm.origin": _ms(warm["origin"]),
        "bench.cold": _ms(cold["ours"]),
        "bench.cold.origin": _ms(cold["origin"]),
        "bench.image": f"{container['image_mb_above_base']:.0f} MB",
        "bench.image.origin": f"{container['origin_image_mb_above_base']:.0f} MB",
        "bench.price": f"{process['usd_per_thousand']['x86_64']:.4f} USD",
    }


def backfill_figures(bench: dict[str, Any], prices: dict[str, Any]) -> dict[str, str]:
    """Return the price of a million images, from the time in bench/results.json and the list prices in cdk.json."""
    milliseconds = _section(bench, "process")["jpeg_2000"]["heatmap_upload"]["ms"]["upload_heatmap"]["median"]
    gigabytes = prices["memory_mb"] / 1024
    a_second = gigabytes * prices["price_gb_second"] * MILLION
    requests = prices["price_million_requests"] / BACKFILL_BATCH
    return {
        "backfill.ms": f"{milliseconds:.1f} ms",
        "backfill.lambda": f"{milliseconds / 1000 * a_second + requests:.2f}",
        "backfill.wait": f"{0.1 * a_second:.2f}",
    }


def answer_figures(section: dict[str, Any]) -> dict[str, str]:
    """Return the answer of `POST /predict` for one sample, with long values shortened."""
    answer = section["answer"]
    model = answer["model"] | {"sha256": answer["model"]["sha256"][:12] + "…"}
    shown = answer | {"model": model, "notice": answer["notice"].split(". ")[0] + ". …"}
    lines = [f"    {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in shown.items()]
    return {"answer": "```json\n{\n" + ",\n".join(lines) + "\n}\n```"}


def fuzz_figures(section: dict[str, Any]) -> dict[str, str]:
    """Return the outcomes of the damaged files in `make fuzz`."""
    outcomes, total = section["outcomes"], section["inputs"]
    rows = [
        f"| {name if name == 'predicted' else f'`{name}`'} | {count:,} | {count / total:.1%} |"
        for name, count in sorted(outcomes.items(), key=lambda item: (-item[1], item[0]))
    ]
    return {
        "fuzz.table": "\n".join(["| outcome | inputs | share |", "|---|---|---|", *rows]),
        "fuzz.inputs": f"{total:,}",
        "fuzz.seeds": str(section["seeds"]),
        "fuzz.predicted": f"{outcomes['predicted']:,}",
        "fuzz.refused": f"{total - outcomes['predicted']:,}",
        "fuzz.megabytes": f"{section['megabytes']:.0f} MB",
        "fuzz.seconds": f"{section['cpu_seconds']:.2f} s",
    }


def header_figures(section: dict[str, Any]) -> dict[str, str]:
    """Return how much memory files with made-up headers took in `make fuzz`, and how much stayed allocated."""
    return {
        "headers.inputs": f"{section['inputs']:,}",
        "headers.megabytes": f"{section['megabytes']:.0f} MB",
        "headers.seconds": f"{section['seconds']:.1f} s",
        "headers.left": f"{section['left_megabytes']:.1f} MB",
        "headers.left_in_the_end": f"{section['left_in_the_end_megabytes']:.1f} MB",
        "headers.minutes": f"{section['run_seconds'] / 60:.0f} minutes",
    }


def _section(bench: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a section of results.json, from another kind of machine if necessary. Raises KeyError."""
    for sections in (bench, *bench.get("others", {}).values()):
        if name in sections:
            found: dict[str, Any] = sections[name]
            return found
    raise KeyError(name)


def copy_figures(
    whitening: dict[str, list[float]], photos: dict[str, list[float]], written: dict[str, list[float]]
) -> dict[str, str]:
    """Return how much display windows, poor copies and file formats change the probability (`make measure`)."""
    windows = [
        f"| {share} | {mean:.3f}, {most:.2f} | {our_mean:.3f}, {our_most:.2f} |"
        for share, (mean, most, our_mean, our_most) in whitening.items()
    ]
    copies = [
        f"| {name} | {refused:.0f} of {total:.0f} | {half:.3f} | {nine:.2f} | {most:.2f} |"
        for name, (refused, total, half, nine, most) in photos.items()
    ]
    files, median, almost_all, largest, above = written["probability"]
    return {
        "whitening": "\n".join(
            [
                "| part of the X-ray that the window whitens | change if applied: mean, largest "
                "| change as served: mean, largest |",
                "|---|---|---|",
                *windows,
            ]
        ),
        "photos": "\n".join(["| copy | refused | median | nine of ten below | largest |", "|" + "---|" * 5, *copies]),
        "written.files": f"{files:.0f}",
        "written.median": f"{median:.4f}",
        "written.almost_all": f"{almost_all:.3f}",
        "written.largest": f"{largest:.3f}",
        "written.above": f"{above:.0f}",
    }


def prevalence_figures() -> dict[str, str]:
    """Return an example: a probability of 96% at a prevalence of 50%, converted to a prevalence of 10%."""
    found = probability_at(0.96, 0.5, 0.1)
    member = json.dumps({"prevalence": 0.1, "probability": found})
    return {"prevalence.member": f'```json\n"at_prevalence": {member}\n```', "prevalence.percent": f"{found:.0%}"}


def _json(path: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _rows(document: str, head: str) -> list[str]:
    """Return the lines of the table that begins with `head`."""
    found = re.search(rf"^{re.escape(head)}.*\n(?:\|.*\n)*", document, re.M)
    if found is None:
        raise KeyError(head)
    return found[0].splitlines()


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip("|").split("|")]


def _cpu(machine: dict[str, Any]) -> str:
    """Return the maker of a CPU and whether it has VNNI, which determines the time of the model."""
    return f"{machine['cpu']} {'with' if machine['kind'] == 'vnni' else 'without'} VNNI"


def _ms(entry: dict[str, float]) -> str:
    return f"{entry['median']:.0f} ms"
