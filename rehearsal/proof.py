"""The results of a rehearsal, row by row."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text


class NotShown(Exception):
    """The stack did not behave as expected. The message says how."""


@dataclass
class Proof:
    """One step: its claim, what was seen, and its duration."""

    claim: str
    seen: str = ""
    shown: bool = False
    seconds: float = 0.0


class Proofs:
    """The steps so far. Each step depends on the earlier ones, so no step runs after the first failure."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.rows: list[Proof] = []

    @contextlib.contextmanager
    def step(self, claim: str) -> Iterator[Proof]:
        """Run a step as a `with` block, which sets `seen`. An exception is noted in the row and raised again."""
        proof = Proof(claim)
        self.rows.append(proof)
        self._console.print(Text(f"… {claim}", style="dim"))
        started = time.monotonic()
        try:
            yield proof
            proof.shown = True
        except Exception as error:
            proof.seen = (str(error) or type(error).__name__).splitlines()[0][:200]
            raise
        finally:
            proof.seconds = time.monotonic() - started


def table(rows: Sequence[Proof]) -> Table:
    """Return the rows as a table, times in seconds."""
    shown = sum(row.shown for row in rows)
    made = Table(title=f"{shown} of {len(rows)} shown", title_justify="left", box=box.SIMPLE_HEAD)
    made.add_column("")
    made.add_column("Shown", overflow="fold")
    made.add_column("Seen", overflow="fold")
    made.add_column("s", justify="right")
    for row in rows:
        mark = Text("ok", style="green") if row.shown else Text("FAILED", style="bold red")
        made.add_row(mark, Text(row.claim), Text(row.seen), f"{row.seconds:.1f}")
    return made


def require(holds: bool, otherwise: str) -> None:
    """Raise NotShown with the message `otherwise` unless `holds` is true."""
    if not holds:
        raise NotShown(otherwise)
