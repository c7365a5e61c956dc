"""What a rehearsal has shown, row by row."""

import contextlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text


class NotShown(Exception):
    """The stack did something else than it should; the message says what."""


@dataclass
class Proof:
    """One step: what it was to show, what was seen, how long it took."""

    claim: str
    seen: str = ""
    shown: bool = False
    seconds: float = 0.0


class Proofs:
    """The steps so far. They follow from each other, so the first that fails is the last."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self.rows: list[Proof] = []

    @contextlib.contextmanager
    def step(self, claim: str) -> Iterator[Proof]:
        """Run a step as a `with` block, which sets `seen`. What it raises passes through, noted as the row's."""
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
    """The rows as a table, times in seconds."""
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
    """Raise NotShown with this message unless it holds."""
    if not holds:
        raise NotShown(otherwise)
