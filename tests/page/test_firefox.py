"""The main walk in Debian's Firefox. Playwright cannot drive it, so puppeteer-core does."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.page.actions import SAMPLES
from tests.serving import Service

pytestmark = pytest.mark.slow

WALK = Path(__file__).parent / "firefox"
IMAGES = [SAMPLES[0], SAMPLES[-1]]


@pytest.fixture(scope="module")
def firefox() -> str:
    found = shutil.which(os.environ.get("FIREFOX") or "firefox-esr")
    if found is None:
        pytest.skip("there is no Firefox: install Debian's package firefox-esr, or name one in FIREFOX")
    if shutil.which("node") is None or not (WALK / "node_modules" / "puppeteer-core").is_dir():
        pytest.skip("there is no puppeteer-core: make firefox")
    return found


def test_the_main_walk(service: Service, firefox: str) -> None:
    command = ["node", str(WALK / "walk.mjs"), firefox, service.url, *map(str, IMAGES)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert seen["complaints"] == []
    assert seen["chips"] == ["Likely normal", "Likely pneumonia"]
    assert seen["verdict"] == "Likely pneumonia"
    assert float(seen["atOneInTen"].strip("%")) < float(seen["probability"].strip("<>%"))
    assert seen["heat"] > 0.02
    assert seen["lungs"]
    assert "invert" in seen["inverted"]
    assert seen["zoom"] == "125%"
    assert seen["window"].startswith("Window ")
    assert seen["keys"]
    assert seen["before"] == IMAGES[0].name
    assert seen["restored"] == len(IMAGES)
