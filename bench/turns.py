"""Time subjects in separate processes that take turns, so that they do not affect each other.

Before each turn, the ruler waits until every subject is idle by its CPU time in /proc. A turn is disturbed if its
threads ran for less than its wall-clock time, which means that something else used the CPU. Disturbed turns are
repeated. With root, subjects have priority over all other processes.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

from bench.quiet import serve_first, wait_until_idle

ROOT = Path(__file__).resolve().parent.parent
ATTEMPTS = 4
"""Maximum number of attempts at one turn. The turn is repeated only until it is undisturbed."""

LEAST_ROUNDS = 10
"""Fewest undisturbed rounds for a figure. With fewer, all rounds count, and the report says so."""

_LOST_SHARE, _LOST_MS = 0.02, 0.25
"""Time that an undisturbed turn may lose to interrupts and clock resolution: a share of the turn, plus milliseconds."""


class SubjectEnded(RuntimeError):
    """A subject ended with an error. The message has its last output."""


@dataclass(frozen=True)
class Turn:
    """One timed run: milliseconds of wall clock, and of CPU time of all threads of the subject."""

    ms: float
    cpu_ms: float

    @property
    def disturbed(self) -> bool:
        """Whether something else used the CPU during the turn. On several CPUs, only large disturbances show here."""
        return self.ms - self.cpu_ms > _LOST_SHARE * self.ms + _LOST_MS


class Subject:
    """A process that runs calls on request. This context manager ends it.

    `command`: a command that runs `bench.subject.serve`. `errors`: the file for its standard error.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], errors: Path) -> None:
        self.name = name
        self._errors = errors
        with errors.open("w", encoding="utf-8") as stream:
            self._process = subprocess.Popen(
                command,
                env=dict(environment),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
                start_new_session=True,
            )
        self.pid = self._process.pid

    def __enter__(self) -> "Subject":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def turn(self, call: str, image: str) -> Turn:
        """Run a call in the subject. Raises SubjectEnded."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise SubjectEnded(f"{self.name} has no pipes")
        with contextlib.suppress(BrokenPipeError):
            print(json.dumps({"call": call, "image": image}), file=stdin, flush=True)
        line = stdout.readline()
        if not line:
            self._process.wait()
            raise SubjectEnded(f"{self.name} ended: {self._errors.read_text(encoding='utf-8')[-2000:].strip()}")
        return Turn(**json.loads(line))


@dataclass(frozen=True)
class Candidate:
    """One call of one subject for one image."""

    subject: str
    call: str
    image: str


@dataclass
class Rounds:
    """Milliseconds by candidate. Index i is the same round for all candidates.

    `undisturbed`: the rounds without a disturbed turn; `taken`: all rounds.
    """

    undisturbed: dict[str, list[float]] = field(default_factory=dict)
    taken: dict[str, list[float]] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int | bool]:
        """The number of rounds, the number of undisturbed rounds, and whether these are enough for a figure."""
        taken, undisturbed = (len(next(iter(one.values()), [])) for one in (self.taken, self.undisturbed))
        return {"taken": taken, "undisturbed": undisturbed, "quiet": undisturbed >= min(LEAST_ROUNDS, taken)}

    @property
    def ms(self) -> dict[str, list[float]]:
        """The undisturbed rounds; all rounds if there are too few undisturbed ones."""
        return self.undisturbed if self.counts["quiet"] else self.taken


class Ruler:
    """Run candidates of several subjects in turns.

    `wait`: called before each turn with the process ids by name; returns when all are idle.
    """

    def __init__(
        self, subjects: Mapping[str, Subject], wait: Callable[[Mapping[str, int]], object] = wait_until_idle
    ) -> None:
        self._subjects = subjects
        self._wait = wait

    def rounds(self, candidates: Mapping[str, Candidate], runs: int) -> Rounds:
        """Take rounds until `runs` are undisturbed, but at most 1.5 * `runs`. Each begins with another candidate."""
        found = Rounds({name: [] for name in candidates}, {name: [] for name in candidates})
        for candidate in candidates.values():  # the first turn of a candidate creates its call
            self._turn(candidate)
        names = list(candidates)
        for number in range(runs + runs // 2):
            if found.counts["undisturbed"] >= runs:
                break
            first = number % len(names)
            turns = {name: self._undisturbed(candidates[name]) for name in (*names[first:], *names[:first])}
            quiet = not any(turn.disturbed for turn in turns.values())
            for name, turn in turns.items():
                found.taken[name].append(turn.ms)
                if quiet:
                    found.undisturbed[name].append(turn.ms)
        return found

    def _undisturbed(self, candidate: Candidate) -> Turn:
        for _ in range(ATTEMPTS):
            turn = self._turn(candidate)
            if not turn.disturbed:
                break
        return turn

    def _turn(self, candidate: Candidate) -> Turn:
        self._wait({name: subject.pid for name, subject in self._subjects.items()})
        return self._subjects[candidate.subject].turn(candidate.call, candidate.image)


@contextlib.contextmanager
def subjects(
    names: Sequence[str], cpus: Sequence[int], origin_model: Path, folder: Path, packages: Path | None = None
) -> Iterator[Ruler]:
    """Run subjects, each pinned to the same CPUs, during a `with` block.

    `folder`: for files with their standard errors. `packages`: a folder of packages to use instead of installed ones.
    """
    path = [str(packages)] if packages else []
    environment: dict[str, Any] = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([*path, str(ROOT / "lambda_src"), str(ROOT)]),
        "INTRA_OP_THREADS": str(len(cpus)),
    }
    with contextlib.ExitStack() as stack:
        started = {}
        for name in names:
            command = [
                sys.executable, "-m", "bench.subject", name,
                f"--cpus={','.join(map(str, cpus))}", f"--origin-model={origin_model}",
            ]  # fmt: skip
            started[name] = stack.enter_context(Subject(name, command, environment, folder / f"{name}.txt"))
            serve_first(started[name].pid)
        yield Ruler(started)
