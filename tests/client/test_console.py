import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
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
        told = json.loads(process.stdout.readline())
        address = told["url"]
        with requests.Session() as browser:
            browser.trust_env = False
            assert "<html" in browser.get(address).text
            key = browser.post(f"{address}_session", json={"code": told["code"]}).json()["key"]
            assert json.loads(process.stdout.readline()).keys() == {"code"}
            image = (make_films({"high.png": 250}) / "high.png").read_bytes()
            headers = {"Content-Type": "image/png", "Authorization": f"Bearer {key}"}
            assert browser.post(f"{address}predict", data=image, headers=headers).json()["label"] == "pneumonia"
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
    assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+/", opened[0])
    assert re.search(r"Code: ([a-z2-7]{4}-){3}[a-z2-7]{4}\n", captured.err)
    assert "acts with your credentials" in " ".join(captured.err.split())


def test_the_list_of_processes_contains_neither_code_nor_key(stack: Stack, tmp_path: Path) -> None:
    browser = tmp_path / "browser"
    browser.write_text(
        f"#!/bin/sh\necho started > {tmp_path}/started\nwhile [ ! -e {tmp_path}/stop ]; do sleep 0.1; done\n"
    )
    browser.chmod(0o755)
    command = [sys.executable, "-m", "pneumonia_cli", "console", *stack.options, "--port", "0", "--json", "--open"]
    path = os.pathsep.join([str(ROOT / "lambda_src"), str(ROOT)])
    env = os.environ | {"PYTHONPATH": path, "BROWSER": f"{browser} %s &"}
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        deadline = time.monotonic() + 60
        while not (tmp_path / "started").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        key = requests.post(f"{told['url']}_session", json={"code": told["code"]}, timeout=120).json()["key"]
        following = json.loads(process.stdout.readline())["code"]
        listed = [file.read_bytes() for file in Path("/proc").glob("[0-9]*/cmdline") if readable(file)]
        (tmp_path / "stop").touch()
        started = [line for line in listed if str(browser).encode() in line]
        process.terminate()
        process.wait(timeout=60)
    assert any(told["url"].encode() in line for line in started)
    for secret in (told["code"], following, key):
        assert not any(secret.encode() in line for line in listed)


def readable(file: Path) -> bool:
    try:
        file.read_bytes()
    except OSError:  # the process has ended
        return False
    return True
