"""A shut queue keeps its messages, even if it gets another function meanwhile."""

import threading
import time

from rehearsal.gates import Gate


def test_a_gate_that_is_shut_delivers_nothing_and_opens_again() -> None:
    gate = Gate()
    assert gate.through(lambda: 3) == 3
    with gate.shut():
        assert gate.through(lambda: 3) == 0
    assert gate.through(lambda: 3) == 3


def test_a_running_batch_is_finished_before_the_gate_is_shut() -> None:
    gate, began, done = Gate(), threading.Event(), threading.Event()

    def slowly() -> int:
        began.set()
        time.sleep(0.05)
        done.set()
        return 1

    thread = threading.Thread(target=gate.through, args=(slowly,))
    thread.start()
    began.wait()
    with gate.shut():
        assert done.is_set()
    thread.join()
