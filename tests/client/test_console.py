import json
import os
import signal
import subprocess
import sys
import threading
import webbrowser
from pathlib import Path

import pytest
import requests

from pneumonia_cli.client import console
from pneumonia_cli.client.service import Service
from pneumonia_cli.client.signing import Anonymous
from tests.client.conftest import Pneumonia, Stack
from tests.conftest import MakeFilms

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_page_until_it_is_stopped(stack: Stack, make_films: MakeFilms, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "pneumonia_cli", "console", *stack.options, "--port", "0", "--json"]
    env = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "lambda_src"), str(ROOT)])}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = json.loads(process.stdout.readline())["url"]
        with requests.Session() as browser:
            browser.trust_env = False
            assert "<html" in browser.get(address).text
            film = (make_films({"high.png": 250}) / "high.png").read_bytes()
            predict = address.partition("?")[0] + "predict"
            answer = browser.post(predict, data=film, headers={"Content-Type": "image/png"})
            assert answer.json()["label"] == "pneumonia"
        process.send_signal(number)
        rest, errors = process.communicate(timeout=60)
        assert (process.returncode, rest, errors) == (0, "", "")


def test_a_port_in_use(stack: Stack, pneumonia: Pneumonia) -> None:
    port = stack.url.rpartition(":")[2]
    ran = pneumonia("console", *stack.options, "--port", port)
    assert ran.code == 2
    assert f"Port {port}" in ran.err


def test_credentials_are_tried_before_the_page_is_shown(pneumonia: Pneumonia) -> None:
    ran = pneumonia("console", "--url", "http://127.0.0.1:1", "--port", "0")
    assert (ran.code, ran.out) == (4, "")


def test_the_browser_is_opened_on_request(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    stop = threading.Event()
    stop.set()
    with Service(stack.url, Anonymous()) as service:
        assert console.run(service, port=0, open_browser=True, as_json=False, stop=stop) == 0
    captured = capsys.readouterr()
    assert opened == [captured.out.strip()]
    assert "acts with your credentials" in captured.err
