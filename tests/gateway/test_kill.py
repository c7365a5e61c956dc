"""Kill a gateway while many images arrive: every image has exactly one result."""

import io
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread

from pneumonia_cli.gateway.config import load
from pneumonia_cli.gateway.node import store_of
from pneumonia_cli.gateway.worker import MOST_INTERRUPTED
from tests.gateway.conftest import send, until
from tests.gateway.fakes import Pacs
from tests.gateway.systems import sample_image
from tests.ports import unused_port

pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
ROOT = Path(__file__).parents[2]
FAKE = ("-m", "tests.gateway.child")
REAL = ("-m", "pneumonia_cli", "gateway", "--config")


class Killer(threading.Thread):
    """Run a gateway, kill it some time after it listens, and run it again, until the test ends.

    `may_die`: says whether it may be killed now.
    """

    def __init__(
        self,
        may_die: Callable[[], bool],
        arguments: Sequence[str],
        config: Path,
        port: int,
        life: tuple[float, float],
        most: int,
    ) -> None:
        super().__init__(daemon=True)
        self.kills = 0
        self.done = threading.Event()
        self._may_die = may_die
        self._command = [sys.executable, *arguments, str(config)]
        self._port = port
        self._life = life
        self._most = most
        self._process = self._launched()

    def run(self) -> None:
        chance = random.Random(7)  # noqa: S311 - no secret
        while self.kills < self._most and self._listens() and not self.done.wait(chance.uniform(*self._life)):
            while not self._may_die() and not self.done.wait(0.05):
                pass
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self.kills += 1
            self._process = self._launched()

    def _listens(self) -> bool:
        """Wait until the gateway listens. Returns False if the test ends first."""
        while not self.done.is_set():
            try:
                socket.create_connection(("127.0.0.1", self._port), 1).close()
            except OSError:
                time.sleep(0.05)
            else:
                return True
        return False

    def end(self) -> None:
        self.done.set()
        self.join()
        self._process.kill()
        self._process.wait()

    def _launched(self) -> "subprocess.Popen[bytes]":
        paths = os.pathsep.join([str(ROOT / "lambda_src"), str(ROOT)])
        return subprocess.Popen(
            self._command, cwd=ROOT, env={**os.environ, "PYTHONPATH": paths}, stderr=subprocess.DEVNULL
        )


def send_all(port: int, images: list[bytes], end: float) -> None:
    """Send each image again until it is acknowledged, as a PACS does."""
    for image in images:
        while send(port, image) != [0x0000]:
            assert time.monotonic() < end, "the gateway accepts no image"
            time.sleep(0.1)


def check(pacs: Pacs, images: list[bytes]) -> None:
    """Check that each image has one picture and one report, and that all copies of an instance are the same."""
    uids = {str(dcmread(io.BytesIO(image)).SOPInstanceUID) for image in images}
    for modality in ("OT", "SR"):
        sources = {}
        for dataset in pacs.of_kind(modality):
            sequence = (
                dataset.SourceImageSequence
                if modality == "OT"
                else dataset.CurrentRequestedProcedureEvidenceSequence[0]
                .ReferencedSeriesSequence[0]
                .ReferencedSOPSequence
            )
            sources[dataset.SOPInstanceUID] = str(sequence[0].ReferencedSOPInstanceUID)
        # A PACS keeps one copy of each instance, so each image must have exactly one instance.
        assert Counter(sources.values()) == Counter(uids)


@pytest.mark.parametrize(
    ("arguments", "count", "life", "kills"),
    # The model needs seconds for its first prediction, so frequent kills would prevent every result.
    [(FAKE, 200, (0.1, 3.0), 12), (REAL, 12, (0.2, 3.0), 3)],
    ids=["200 images", "local model"],
)
def test_every_image_has_its_result_once(
    pacs: Pacs, tmp_path: Path, arguments: Sequence[str], count: int, life: tuple[float, float], kills: int
) -> None:
    port, config = unused_port(), tmp_path / "gateway.toml"
    settings: dict[str, dict[str, Any]] = {
        "listen": {"host": "127.0.0.1", "port": port},
        "deliver": {"host": "127.0.0.1", "port": pacs.port, "ae_title": "PACS"},
        "limits": {"first_retry_seconds": 0.1, "longest_retry_seconds": 1.0, "min_free_mb": 1},
    }
    sections = [
        f"[{name}]\n" + "\n".join(f"{key} = {json.dumps(value)}" for key, value in values.items())
        for name, values in settings.items()
    ]
    config.write_text("\n".join([f'state = "{tmp_path / "state"}"', *sections]), encoding="utf-8")
    images = [
        sample_image("pneumonia-1.png", SOPInstanceUID=f"1.2.826.0.1.3680043.8.498.9.{number}")
        for number in range(count)
    ]
    store = store_of(load(config))

    def may_die() -> bool:
        """The gateway gives up an image during which it stopped too often, and a slow machine does not get beyond it
        in one life."""
        return all(job.interrupted < MOST_INTERRUPTED - 1 for job in store.jobs())

    killer = Killer(may_die, arguments, config, port, life, kills)
    killer.start()
    try:
        send_all(port, images, time.monotonic() + 400)
        until(lambda: killer.kills >= kills, 300)
        until(lambda: not store.queued(), 300)
    finally:
        killer.end()
    assert store.failed() == []
    check(pacs, images)
