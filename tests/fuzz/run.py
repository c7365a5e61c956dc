"""`make fuzz`: send thousands of damaged files through both handlers, and print a table of the outcomes.

Every response must be a prediction or a refusal with a 4xx code. No input may crash the process, exceed the limits on
memory and processor time, or raise an exception. An input that breaks a rule is written to tests/fuzz/crashes,
and `make test` sends it again from then on.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from tests.conftest import TinyMember, write_artifacts
from tests.fuzz.mutate import mutated
from tests.fuzz.seeds import CRASHES, seeds
from tools.figures.measured import store

ROOT = Path(__file__).parents[2]
COUNT = 20_000
"""The figures in the documents come from a run of this many inputs, starting with the first."""

MOST_MEGABYTES = 200
MOST_CPU_SECONDS = 1.0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code: 1 if an input broke a rule."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("--count", type=int, default=COUNT, help=f"inputs (default: {COUNT})")
    parser.add_argument("--first", type=int, default=1, help="number of the first one (default: 1)")
    arguments = parser.parse_args(argv)
    console = Console()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    lines: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder, Progress(*columns, console=console) as progress:
        model_dir = write_artifacts(Path(folder) / "model", [TinyMember()])
        answers = run(arguments.first, arguments.first + arguments.count, model_dir)
        for line in progress.track(answers, arguments.count, description="Fuzzing"):
            lines.append(line)
    broken = [line for line in lines if verdict(line)]
    for line in broken:
        _, data = mutated(line["number"])
        (CRASHES / f"{line['number']}.bin").write_bytes(data)
    console.print(_table(lines))
    found = measured(lines)
    if (arguments.first, arguments.count) == (1, COUNT):
        store("fuzz", "make fuzz", found)
    console.print(
        f"{found['inputs']} inputs from {found['seeds']} files; most memory for one {found['megabytes']:.0f} MB, "
        f"most processor time {found['cpu_seconds']:.2f} s; the process "
        f"grew by {max(line['grown_megabytes'] for line in lines):.0f} MB in total, including the uploads in its memory"
    )
    for line in broken:
        console.print(f"{line['number']} ({line['seed']}): {verdict(line)}", style="red", markup=False)
    return 1 if broken else 0


def run(first: int, stop: int, model_dir: Path) -> Iterator[dict[str, Any]]:
    """Yield the outcome of each input. The inputs run in a separate process, which is restarted after a crash."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "lambda_src"), str(ROOT)])}
    while first < stop:
        command = [sys.executable, "-m", "tests.fuzz.child", str(first), str(stop), str(model_dir)]
        with subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        ) as child:
            started = None
            for text in child.stdout or ():
                line = json.loads(text)
                started = line.get("started", started)
                if "number" in line:
                    first = line["number"] + 1
                    yield line
        if first == stop:
            return
        if started != first:
            raise RuntimeError("The process that handles the inputs did not start.")
        name, data = mutated(first)
        yield {
            "number": first,
            "seed": name,
            "bytes": len(data),
            "outcome": "broken",
            "problem": f"the process ended with {child.returncode}",
            "cpu_seconds": 0.0,
            "megabytes": 0.0,
            "grown_megabytes": 0.0,
        }
        first += 1


def measured(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return a section of docs/measured.json: inputs by outcome, and the most memory (MB) and time (s) of one input."""
    return {
        "inputs": len(lines),
        "seeds": len(seeds()),
        "outcomes": dict(Counter(line["outcome"] for line in lines)),
        "megabytes": max(line["megabytes"] for line in lines),
        "cpu_seconds": max(line["cpu_seconds"] for line in lines),
    }


def verdict(line: dict[str, Any]) -> str | None:
    """Return the rule that an input broke, or None."""
    if line["problem"]:
        return str(line["problem"])
    if line["megabytes"] > MOST_MEGABYTES:
        return f"{line['megabytes']} MB"
    if line["cpu_seconds"] > MOST_CPU_SECONDS:
        return f"{line['cpu_seconds']} s of processor time"
    return None


def _table(lines: Sequence[dict[str, Any]]) -> Table:
    table = Table(title="Outcomes of damaged files")
    table.add_column("Outcome")
    table.add_column("Inputs", justify="right")
    table.add_column("Share", justify="right")
    for outcome, count in Counter(line["outcome"] for line in lines).most_common():
        table.add_row(outcome, str(count), f"{count / len(lines):.1%}")
    return table


if __name__ == "__main__":
    sys.exit(main())
