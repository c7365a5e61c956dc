"""From results.json to the table between the markers of bench/README.md, to plots and the terminal."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = (ROOT / "bench" / "README.md",)
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    measured: str
    goal: str
    found: str


def publish(results: dict[str, Any], console: Console) -> None:
    """Write the tables and plots, and show the rows."""
    from bench import plots  # matplotlib: not where only tables are written

    plots.draw(results, ROOT / "bench" / "plots")
    write_tables(results, console)


def write_tables(results: dict[str, Any], console: Console) -> None:
    """Write the tables, and show the rows."""
    rows = table_rows(results)
    table_text = f"{markdown(rows)}\n\n{conditions(results)}"
    for path in DOCUMENTS:
        text = table_text + plot_links(ROOT / "bench" / "plots", path.parent)
        path.write_text(replaced(path.read_text(encoding="utf-8"), text, path.name), encoding="utf-8")
    table = Table("measured", "must / aim", "found")
    for row in rows:
        table.add_row(row.measured, row.goal, row.found)
    console.print(table)
    console.print(conditions(results))


def table_rows(results: dict[str, Any]) -> list[Row]:
    """The rows that were measured; what was not is not in the table."""
    rows = []
    if process := results.get("process"):
        rows += _process_rows(process)
    if worker := results.get("worker"):
        rows += _worker_rows(worker)
    if container := results.get("container"):
        rows += _container_rows(container)
    return rows


def _worker_rows(found: dict[str, Any]) -> list[Row]:
    return [
        Row(
            f"worker, batches of {found['batch']} against one by one, "
            + (f"{latency} ms of latency of S3" if latency != "0" else "no latency of S3"),
            "≥ 1.3 × / 1.6 ×" if latency != "0" else "-",
            f"{_ratio(entry)}: {entry['films_per_second']['batch']:.1f} films/s against "
            f"{entry['films_per_second']['one_by_one']:.1f}",
        )
        for latency, entry in sorted(found["latency"].items(), key=lambda item: -int(item[0]))
    ]


def _process_rows(found: dict[str, Any]) -> list[Row]:
    small = found["jpeg_224"]
    files = found["model"]["files"]
    floor = found["floor"]
    prices = ", ".join(f"{usd:.4f} USD ({name})" for name, usd in found["usd_per_thousand"].items())
    return [
        Row(
            "handler, 224×224 JPEG in, JSON out, against bare `session.run`",
            "≤ 1.30 × / 1.15 ×",
            f"{_ratio(small['over_bare'])}: {_ms(small['over_bare'], 'handler')} against "
            f"{_ms(small['over_bare'], 'bare')}",
        ),
        *(
            Row(
                f"{found[name]['film']}, origin's time over ours",
                "≥ 2.5 × / 4 ×" if name != "jpeg_224" else "-",
                f"{_ratio(found[name]['origin_over_ours'])}: {_ms(found[name]['origin_over_ours'], 'origin')} against "
                f"{_ms(found[name]['origin_over_ours'], 'handler')}",
            )
            for name in ("jpeg_2000", "png_1024", "jpeg_224")
        ),
        Row(
            "model files together",
            "≤ 25 MB a member / 22 MB in all",
            f"{sum(files.values()):.1f} MB ({', '.join(f'{name} {size} MB' for name, size in files.items())})",
        ),
        *_precision(found["model"].get("precision")),
        Row("peak memory after 100 mixed requests", "≤ 300 / 220 MB", f"{found['memory_mb']:.0f} MB"),
        Row("8 films in one run of the model against 8 runs, decoding included", "-", _ratio(found["batch"])),
        Row(
            f"model against the {floor['kind']} GEMM peak of the machine",
            "- / 50%",
            f"{floor['share_of_peak']:.0%}: {floor['model_gmac']:.2f} G multiply-adds, "
            f"{floor['gemm_gmac_per_second'][floor['kind']]:.0f} G/s",
        ),
        Row(
            "OpenVINO's time over onnxruntime's, same file (float32; by default, bfloat16 where the CPU can)",
            "-",
            f"{_ratio(found['openvino'])}; {_ratio(found['openvino_default'])}",
        ),
        *_heaviest(found),
        Row("1,000 warm predictions at 1,769 MB, list price", "- / < 0.02 USD", prices),
    ]


def _precision(cost: dict[str, Any] | None) -> list[Row]:
    """What int8 gives up on the test split, as `make evaluate FLOAT32=` found it."""
    if not cost:
        return []
    found = f"{cost['auc_given_up']:.4f}; {cost['decisions_changed']:.1%} ({cost['films']} films, float32 beside int8)"
    return [Row("accuracy given up on the test split: AUC; decisions that change", "≤ 0.003; 1% / 0.001; 0.5%", found)]


def _heaviest(found: dict[str, Any]) -> list[Row]:
    """Where the time goes: what is left to be made faster."""
    warm = found["jpeg_224"]["over_bare"]["ms"]
    rows = [
        Row(
            "heaviest part of the warm path",
            "-",
            f"the model, {warm['bare']['median'] / warm['handler']['median']:.0%} of a 224×224 JPEG's time",
        )
    ]
    if parts := dict(found.get("cold_parts_ms", ())):
        total = sum(parts.values())
        name = max(parts, key=lambda part: parts[part])
        rest = ", ".join(f"{part} {ms:.0f}" for part, ms in parts.items())
        rows.append(
            Row(
                "heaviest part of the cold path, page cache warm",
                "-",
                f"{name}, {parts[name] / total:.0%} of {total:.0f} ms ({rest})",
            )
        )
    return rows


def _container_rows(found: dict[str, Any]) -> list[Row]:
    rows = [
        Row(
            f"container ready to first answer, {title}, origin's time over ours",
            "≥ 1.6 × / 2.5 ×",
            f"{_ratio(found[name])}: {_ms(found[name], 'origin')} against {_ms(found[name], 'ours')}",
        )
        for name, title in (("cold_warm_cache", "page cache warm"), ("cold_dropped_cache", "page cache dropped"))
        if name in found
    ]
    if read := found.get("read_mb"):
        rows.append(
            Row(
                "read from disk until the first answer, origin's over ours",
                "- / 2 ×",
                f"{read['origin'] / read['ours']:.2f} ×: {read['origin']:.0f} MB against {read['ours']:.0f} MB",
            )
        )
    rows.append(
        Row("image above its base, unpacked", "≤ 260 / 200 MB", f"{found['image_mb_above_base']:.0f} MB"),
    )
    by_cpus = sorted(found["by_cpus"].items(), key=lambda item: float(item[0]))
    curve = (
        f"{cpus} vCPU, {entry['memory_mb']} MB: {entry['ms']['median']:.0f} ms, "
        f"{entry['usd_per_thousand']:.4f} USD per 1,000"
        for cpus, entry in by_cpus
    )
    rows.append(Row("warm request by memory size", "-", "; ".join(curve)))
    chosen = best_size([entry for _, entry in by_cpus])
    default = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]["memory_mb"]
    rows.append(Row("memory size of the least time × price", f"default {default} MB", f"{chosen['memory_mb']} MB"))
    return rows


def best_size(sizes: list[dict[str, Any]]) -> dict[str, Any]:
    """The memory size by which the default is chosen: twice as fast is worth twice the price, and no more."""
    return min(sizes, key=lambda entry: entry["ms"]["median"] * entry["usd_per_thousand"])


def conditions(results: dict[str, Any]) -> str:
    """On what it was measured, in one paragraph."""
    found = [results[name] for name in ("process", "worker", "container") if name in results]
    if not found:
        return "Nothing was measured yet."
    machine = found[0]["machine"]
    model = results.get("process", {}).get("model")
    about = f"Model {model['version']} ({'int8' if model['int8'] else 'fp32'}). " if model else ""
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return (
        f"{about}Medians, quartiles in brackets; ratios round by round of interleaved runs. {machine['cpu']}, "
        f"{machine['cpus_used']} of {machine['cpus_of_machine']} CPUs, {', '.join(machine['vector_features'])}, load "
        f"{machine['load_at_start']} before it began; Python {machine['python']}, {packages}; "
        f"{' and '.join(sorted({entry['measured'] for entry in found}))}."
    )


def markdown(rows: list[Row]) -> str:
    lines = ["| measured | must / aim | found |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {row.measured} | {row.goal} | {row.found} |" for row in rows)])


def plot_links(folder: Path, beside: Path) -> str:
    """The plots that were drawn into `folder`, for a document in the folder `beside`."""
    titles = {
        "warm.svg": "Warm requests: the origin, this service, and its model alone",
        "sizes.svg": "Warm request and price of 1,000 by vCPU",
    }
    found = {folder / name: title for name, title in titles.items() if (folder / name).exists()}
    return "".join(f"\n\n![{title}]({path.relative_to(beside)})" for path, title in found.items())


def replaced(document: str, text: str, name: str) -> str:
    """`document` with `text` between its markers. Raises ValueError where the markers are not there once each."""
    if document.count(BEGIN) != 1 or document.count(END) != 1:
        raise ValueError(f"{name} needs {BEGIN} and {END} once each, to know where the table goes")
    return re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n{text}\n{END}", document, flags=re.DOTALL)


def _ratio(entry: dict[str, Any]) -> str:
    ratio = entry["ratio"]
    return f"{ratio['median']:.2f} × ({ratio['low']:.2f}-{ratio['high']:.2f})"


def _ms(entry: dict[str, Any], name: str) -> str:
    ms = entry["ms"][name]
    return f"{ms['median']:.1f} ms ({ms['low']:.1f}-{ms['high']:.1f})"
