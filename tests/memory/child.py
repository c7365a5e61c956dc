"""`python -m tests.memory.child BYTES NOTES`: run `pneumonia.decode.child`, and note the resources of each child.

The program writes one line for each child to the file descriptor NOTES: the child's peak megabytes and processor
seconds, and this process's megabytes. The kernel measures the child (wait4(2)), so even short-lived ones are covered.
"""

import os
import resource
import sys
from typing import Any

from pneumonia.decode import child
from tests.memory.kernel import megabytes


def main(memory_bytes: int, notes: int) -> None:
    wait = os.wait4

    def noted(pid: int, options: int) -> tuple[int, int, resource.struct_rusage]:
        found = wait(pid, options)
        used: Any = found[2]
        os.write(notes, f"{used.ru_maxrss / 1024} {used.ru_utime + used.ru_stime} {megabytes('VmRSS')}\n".encode())
        return found

    setattr(os, "wait4", noted)  # noqa: B010 - a function is no variable
    child.main(memory_bytes)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
