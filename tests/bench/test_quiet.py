import os
import sys
from pathlib import Path

import pytest

from bench import quiet, turns
from bench.turns import Candidate, Ruler, Subject, SubjectEnded

# A neighbour that behaves like onnxruntime: it answers immediately, and then a thread keeps spinning.
SPINS = """
import sys, threading, time, uuid
from pathlib import Path
from bench.subject import serve

def spin(mark):
    while time.thread_time() < 0.05:
        pass
    mark.unlink()

def call():
    mark = Path(sys.argv[1]) / uuid.uuid4().hex
    mark.touch()
    threading.Thread(target=spin, args=(mark,)).start()

serve(lambda name, image: call)
"""
LOOKS = """
import sys
from pathlib import Path
from bench.subject import serve

def call():
    if list(Path(sys.argv[1]).iterdir()):
        raise RuntimeError("a neighbour is still spinning")

serve(lambda name, image: call)
"""


def subject(name: str, program: str, tmp_path: Path) -> Subject:
    marks = tmp_path / "marks"
    marks.mkdir(exist_ok=True)
    path = os.pathsep.join(entry for entry in sys.path if entry)
    command = [sys.executable, "-c", program, str(marks)]
    return Subject(name, command, {**os.environ, "PYTHONPATH": path}, tmp_path / f"{name}.txt")


def test_no_turn_starts_while_another_process_spins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "ATTEMPTS", 1)
    with subject("spins", SPINS, tmp_path) as spins, subject("looks", LOOKS, tmp_path) as looks:
        ruler = Ruler({"spins": spins, "looks": looks})
        rounds = ruler.rounds({name: Candidate(name, "call", "") for name in ("spins", "looks")}, runs=1)
        assert rounds.counts["taken"] >= 1


def test_turns_without_waiting_are_disturbed_by_spinning_threads(tmp_path: Path) -> None:
    """The test above must fail without the wait."""
    longer = SPINS.replace("0.05", "5")  # so that the neighbour still spins if the check is late on a busy machine
    with subject("spins", longer, tmp_path) as spins, subject("looks", LOOKS, tmp_path) as looks:
        ruler = Ruler({"spins": spins, "looks": looks}, wait=lambda _: None)
        with pytest.raises(SubjectEnded, match="a neighbour is still spinning"):
            ruler.rounds({name: Candidate(name, "call", "") for name in ("spins", "looks")}, runs=1)


def test_a_process_that_never_becomes_idle_is_named(tmp_path: Path) -> None:
    forever = SPINS.replace("time.thread_time() < 0.05", "True")
    with subject("forever", forever, tmp_path) as busy:
        busy.turn("call", "")
        with pytest.raises(quiet.NeverIdle, match="forever"):
            quiet.wait_until_idle({"forever": busy.pid}, patience_seconds=0)


def test_cpu_time_is_measured_for_one_process(tmp_path: Path) -> None:
    with subject("spins", SPINS, tmp_path) as spins, subject("looks", LOOKS, tmp_path) as looks:
        looks.turn("call", "")
        quiet.wait_until_idle({"looks": looks.pid})
        before = quiet.cpu_seconds(looks.pid)
        spins.turn("call", "")
        quiet.wait_until_idle({"spins": spins.pid})
        assert quiet.cpu_seconds(looks.pid) == before


def test_a_thread_without_cpu_time_is_still_busy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forever = SPINS.replace("time.thread_time() < 0.05", "True")
    monkeypatch.setattr(quiet, "cpu_seconds", lambda pid: 0.0)
    with subject("starved", forever, tmp_path) as starved:
        starved.turn("call", "")
        with pytest.raises(quiet.NeverIdle, match="starved"):
            quiet.wait_until_idle({"starved": starved.pid}, patience_seconds=0)


def test_only_privileged_processes_go_first() -> None:
    assert quiet.serve_first(2**22 + 1) is False  # no process has this id
