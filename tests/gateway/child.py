"""Run a gateway in a separate process, which the test kills: python -m tests.gateway.child CONFIG.

The predictions are fake and take no time, so that kills at random times hit every step.
"""

import logging
import sys
import threading
import warnings
from pathlib import Path

from pneumonia_cli.gateway.config import load
from pneumonia_cli.gateway.destinations import destination_of
from pneumonia_cli.gateway.log import Log
from pneumonia_cli.gateway.node import running
from tests.dicom_out.films import make_heatmap
from tests.gateway.fakes import FakeAnswers

if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    config = load(Path(sys.argv[1]))
    with running(config, FakeAnswers(make_heatmap()), destination_of(config), Log()):
        threading.Event().wait()
