"""`pneumonia gateway`, `gateway status` and `gateway retry`."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pneumonia_cli.gateway.config import load
from pneumonia_cli.gateway.node import store_of
from tests.dicom_out.films import dicom_film
from tests.gateway.conftest import Command, MakeConfig, StartGateway, send, until
from tests.gateway.fakes import Pacs

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config_file(tmp_path: Path, pacs: Pacs) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(
        f"""
        state = "{tmp_path / "state"}"
        listen = {{ host = "127.0.0.1", port = 0 }}
        deliver = {{ host = "127.0.0.1", port = {pacs.port}, ae_title = "PACS" }}
        """,
        encoding="utf-8",
    )
    return path


def test_status_of_one_that_never_ran(command: Command, config_file: Path) -> None:
    ran = command("gateway", "status", "--config", config_file, "--json")
    assert ran.code == 4
    assert json.loads(ran.out) == {
        "running": False, "queued": 0, "retrying": 0, "oldest_seconds": None, "failed": 0, "failures": [],
        "well": False,
    }  # fmt: skip


@pytest.mark.slow
def test_status_and_retry_of_one_with_failures(
    command: Command,
    config_file: Path,
    make_config: MakeConfig,
    start_gateway: StartGateway,
) -> None:
    gateway = start_gateway(make_config())
    assert command("gateway", "--config", config_file, "status").code == 0
    send(gateway.port, dicom_film(StudyInstanceUID=None))
    until(lambda: gateway.events("given_up"))
    ran = command("gateway", "status", "--config", config_file)
    assert ran.code == 4
    assert "The gateway is running." in ran.out
    assert "Images that failed permanently: 1." in ran.out
    assert "StudyInstanceUID" in ran.out
    assert "ZZ" not in ran.out
    ran = command("gateway", "retry", "--config", config_file, "--json")
    assert json.loads(ran.out) == {"retried": 1}
    until(lambda: len(gateway.events("given_up")) == 2)  # the running gateway found it, and it failed again


@pytest.mark.parametrize("arguments", [["gateway"], ["gateway", "status"], ["gateway", "retry"]])
def test_the_configuration_is_required(command: Command, arguments: list[str]) -> None:
    ran = command(*arguments)
    assert ran.code == 2
    assert "--config" in ran.err


def test_a_bad_configuration_is_reported(command: Command, tmp_path: Path) -> None:
    (tmp_path / "gateway.toml").write_text("state = 5", encoding="utf-8")
    ran = command("gateway", "--config", tmp_path / "gateway.toml")
    assert ran.code == 2
    assert "state must name" in ran.err


@pytest.mark.slow
def test_the_command_serves_with_the_local_model_until_a_signal(config_file: Path, pacs: Pacs) -> None:
    arguments = [sys.executable, "-m", "pneumonia_cli", "gateway", "--config", str(config_file)]
    paths = os.pathsep.join([str(ROOT / "lambda_src"), str(ROOT)])
    with subprocess.Popen(
        arguments, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": paths}
    ) as process:
        assert process.stderr is not None
        started = json.loads(process.stderr.readline())
        assert started["event"] == "started"
        assert send(started["port"], dicom_film()) == [0x0000]
        until(lambda: pacs.of_kind("SR"), 60)
        process.send_signal(signal.SIGTERM)
        rest = process.stderr.read()
        assert process.wait(120) == 0
    events = [json.loads(line)["event"] for line in rest.splitlines()]
    assert events[:2] == ["received", "answered"]
    assert {"stopping", "delivered"} <= set(events)
    assert "ZZ" not in rest
    assert not store_of(load(config_file)).queued()
