"""Log one line of JSON for each event to standard error, without patient data.

Images are named by their job, a keyed hash. Errors are named by their class. The text of an error is logged only if
this project wrote it, since texts of other libraries can quote a header.
"""

import json
import sys
import threading
from datetime import UTC, datetime
from typing import Any, TextIO


class Log:
    """Write events. Safe to share between threads."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._lock = threading.Lock()

    def __call__(self, event: str, **fields: Any) -> None:
        """Write one event with its fields."""
        when = datetime.now(UTC).isoformat(timespec="milliseconds")
        line = json.dumps({"time": when, "event": event, **fields})
        with self._lock:
            print(line, file=self._stream or sys.stderr, flush=True)
