"""Report results.json: as tables between the markers of bench/README.md, as plots, and as rows on the terminal."""

import re
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.measurements import OTHERS
from bench.rows import IMAGES, Row, table_rows

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "bench" / "README.md"
BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"

KINDS = {
    "vnni": "with VNNI",
    "avx2": "with AVX2, without VNNI",
    "dotprod": "arm64 with dot products",
}


def publish(results: dict[str, Any], console: Console) -> None:
    """Write the tables and plots, and print the rows."""
    from bench import plots  # imports matplotlib, which tables do not need

    plots.draw(results, ROOT / "bench" / "plots")
    write_tables(results, console)


def write_tables(results: dict[str, Any], console: Console) -> None:
    """Write the tables, and print the rows and warnings for this kind of machine."""
    text = tables(results) + plot_links(ROOT / "bench" / "plots", DOCUMENT.parent)
    DOCUMENT.write_text(replaced(DOCUMENT.read_text(encoding="utf-8"), text, DOCUMENT.name), encoding="utf-8")
    table = Table("measured", "must / aim", "found")
    for row in table_rows(results):
        table.add_row(row.measured, row.goal, row.found)
    console.print(table)
    console.print(conditions(results))
    for warning in warnings(results):
        console.print(f"[bold]Warning:[/bold] {warning}")


def tables(results: dict[str, Any]) -> str:
    """Return the table for the kind of machine that was measured last, then the others, each with its conditions."""
    parts = [_part(results)]
    for kind, sections in sorted(results.get(OTHERS, {}).items()):
        parts.append(f"### On a machine {KINDS.get(kind, kind)}\n\n{_part(sections)}")
    return "\n\n".join(parts)


def _part(results: dict[str, Any]) -> str:
    lines = [markdown(table_rows(results)), conditions(results), *(f"**Warning:** {one}" for one in warnings(results))]
    return "\n\n".join(lines)


def conditions(results: dict[str, Any]) -> str:
    """Return the conditions of the measurement in one paragraph."""
    found = [results[name] for name in ("process", "worker", "container") if name in results]
    if not found:
        return "Nothing was measured yet."
    machine = found[0]["machine"]
    model = results.get("process", {}).get("model")
    about = f"Model {model['version']} ({'int8' if model['int8'] else 'fp32'}). " if model else ""
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    return (
        f"{about}Medians, quartiles in brackets; ratios round by round. {machine['cpu']}, "
        f"{machine['cpus_used']} of {machine['cpus_of_machine']} CPUs, {', '.join(machine['vector_features'])}"
        f"{_vnni(machine)}; load {machine['load_at_start']} before it began{_others(machine)}; "
        f"Python {machine['python']}, {packages}; {' and '.join(sorted({entry['measured'] for entry in found}))}."
        f"{_rounds(results.get('process', {}))}"
    )


def _vnni(machine: dict[str, Any]) -> str:
    if "int8_saturates" not in machine or not machine["system"].endswith("x86_64"):
        return ""
    return (
        " (VNNI not used: products saturate)" if machine["int8_saturates"] else " (VNNI used: products do not saturate)"
    )


def _others(machine: dict[str, Any]) -> str:
    busy = machine.get("other_cpus_busy")
    return "" if busy is None else f", the other CPUs {busy:.0%} busy meanwhile"


def _rounds(process: dict[str, Any]) -> str:
    counts = [process[name]["rounds"] for name in IMAGES if "rounds" in process.get(name, {})]
    if not counts:
        return ""
    undisturbed, taken = (sum(one[key] for one in counts) for key in ("undisturbed", "taken"))
    return f" Undisturbed rounds: {undisturbed} of {taken}."


def warnings(results: dict[str, Any]) -> list[str]:
    """Return warnings about figures that have two modes or too few undisturbed rounds."""
    found = []
    process = results.get("process", {})
    for title, images in (("", process), (" without VNNI", process.get("avx2", {}))):
        for image in (images[name] for name in IMAGES if name in images):
            found += [
                f"{image['film']}{title}: the times of {name} have two modes, {low:.1f} and {high:.1f} ms, so "
                "the median is not meaningful."
                for name, (low, high) in image.get("two_modes", {}).items()
            ]
            if not image.get("rounds", {}).get("quiet", True):
                found.append(
                    f"{image['film']}{title}: other work ran in all but {image['rounds']['undisturbed']} of "
                    f"{image['rounds']['taken']} rounds, so all of them count. Measure again on a quiet machine."
                )
    return found


def markdown(rows: list[Row]) -> str:
    lines = ["| measured | must / aim | found |", "|---|---|---|"]
    return "\n".join([*lines, *(f"| {row.measured} | {row.goal} | {row.found} |" for row in rows)])


def plot_links(folder: Path, document_folder: Path) -> str:
    """Return links to the plots in `folder`, for a document in the folder `document_folder`."""
    titles = {
        "warm.svg": "Warm requests: the origin, this service with and without heatmap, and its model alone",
        "sizes.svg": "Warm request and price of 1,000 by vCPU",
    }
    found = {folder / name: title for name, title in titles.items() if (folder / name).exists()}
    return "".join(f"\n\n![{title}]({path.relative_to(document_folder)})" for path, title in found.items())


def replaced(document: str, text: str, name: str) -> str:
    """Return `document` with `text` between its markers. Raises ValueError unless each marker occurs once."""
    if document.count(BEGIN) != 1 or document.count(END) != 1:
        raise ValueError(f"{name} needs {BEGIN} and {END} once each, to mark the place of the table")
    return re.sub(f"{BEGIN}.*{END}", lambda _: f"{BEGIN}\n{text}\n{END}", document, flags=re.DOTALL)
