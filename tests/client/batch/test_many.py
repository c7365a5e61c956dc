"""A batch of five thousand images, run separately (make test-scale)."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[3]
FEW, MANY = 500, 5000
MEASURED = """
import atexit, pathlib, runpy, sys
from tests.memory.kernel import megabytes
peak = pathlib.Path(sys.argv[1])
sys.argv[:2] = ["pneumonia"]
atexit.register(lambda: peak.write_text(str(megabytes("VmHWM"))))
runpy.run_module("pneumonia_cli", run_name="__main__")
"""
"""A command that writes its peak memory to a file when it ends. The peak of wait4(2) includes that of the test."""

pytestmark = pytest.mark.scale


@dataclass(frozen=True)
class Server:
    """`python -m pneumonia_cli serve` in a separate process, so that its memory does not count for the command."""

    url: str
    endpoint_url: str

    def uploads(self) -> int:
        """Return the number of versions of all uploaded objects."""
        s3 = boto3.client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
        )
        pages = s3.get_paginator("list_object_versions").paginate(Bucket="pneumonia-uploads")
        found = sum(len(page.get("Versions", [])) for page in pages)
        s3.close()
        return found


@pytest.fixture
def environment(artifacts: Path) -> dict[str, str]:
    path = os.pathsep.join([str(ROOT / "lambda_src"), str(ROOT)])
    return os.environ | {"PYTHONPATH": path, "MODEL_DIR": str(artifacts), "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def server(environment: dict[str, str]) -> Iterator[Server]:
    command = [sys.executable, "-m", "pneumonia_cli", "serve", "--port", "0", "--s3-port", "0"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        facts: dict[str, str] = {}
        for line in process.stdout:
            if line.startswith("Requests and the logs"):
                break
            name, _, value = line.strip().partition("  ")
            facts[name] = value.strip()
        yield Server(facts["Function URL"], facts["S3 and SQS"])
        process.kill()


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Create MANY different small images in ten folders."""
    folder = tmp_path / "films"
    for index in range(MANY):
        pixels = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))  # the service refuses smaller and blank images
        pixels[0, :2] = index % 256, index // 256
        path = folder / f"ward-{index % 10}" / f"film-{index:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return folder


@dataclass(frozen=True)
class Run:
    """A finished `submit`: its output, and its peak memory in megabytes."""

    code: int
    summary: dict[str, int]
    peak: float


def submit(server: Server, images: Path, out: Path, environment: dict[str, str]) -> Run:
    said, peak = out.with_suffix(".json"), out.with_suffix(".peak")
    command = [sys.executable, "-c", MEASURED, str(peak), "submit", str(images), "--out", str(out), "--json"]
    where = ["--stack", "local", "--url", server.url]
    with said.open("w") as stdout:
        done = subprocess.run(
            [*command, *where], env=environment | {"AWS_ENDPOINT_URL": server.endpoint_url}, stdout=stdout, check=False
        )
    return Run(done.returncode, json.loads(said.read_text()), float(peak.read_text()))


def test_five_thousand_images_in_the_memory_of_five_hundred(
    server: Server, images: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    few = tmp_path / "few"
    few.mkdir()
    for image in sorted(images.rglob("*.png"))[:FEW]:
        (few / image.name).write_bytes(image.read_bytes())
    first = submit(server, few, tmp_path / "few-results", environment)
    assert (first.code, first.summary["predicted"]) == (0, FEW)

    run = submit(server, images, tmp_path / "results", environment)
    assert (run.code, run.summary["total"], run.summary["predicted"]) == (0, MANY, MANY)
    # With ten times the images, memory grows only by their names.
    assert run.peak < first.peak + 24
    assert server.uploads() == FEW + MANY
    assert len((tmp_path / "results" / "results.csv").read_text().splitlines()) == MANY + 1
    assert (tmp_path / "results" / "report.html").read_text().count("<article") == MANY
    assert len(list((tmp_path / "results" / "heatmaps").iterdir())) == MANY

    again = submit(server, images, tmp_path / "results", environment)
    assert (again.code, again.summary["predicted"]) == (0, MANY)
    assert server.uploads() == FEW + MANY
