import socket
import sys
from pathlib import Path

import pytest

from pneumonia_cli.local import ports
from pneumonia_cli.local.names import HOST
from pneumonia_cli.local.ports import STARTED_BY, client_exports, free_pair, free_port, is_free, program, serve_command
from tests.ports import unused_port


def test_the_next_free_port() -> None:
    with socket.create_server((HOST, unused_port())) as taken:
        port = taken.getsockname()[1]
        assert not is_free(port)
        found = free_port(port)
        assert found > port
        assert is_free(found)
        assert free_port(port, other=found) > found
        page, s3 = free_pair(port, port)
        assert len({port, page, s3}) == 3
    assert (free_port(0), is_free(0)) == (0, True)


def test_the_command_is_the_one_that_was_typed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "program", lambda: "pneumonia")
    assert serve_command(8000, 8001, "none", {}) == "pneumonia serve"
    assert serve_command(9000, 8001, "token", {}) == "pneumonia serve --port 9000 --auth token"
    by_make = {STARTED_BY: "make serve"}
    assert serve_command(9000, 9001, "token", by_make) == "make serve PORT=9000 S3_PORT=9001 AUTH=token"


def test_the_program_is_typed_so_that_the_shell_finds_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    program_file = tmp_path / "bin" / "pneumonia"
    program_file.parent.mkdir()
    program_file.write_text("#!/bin/sh\n")
    program_file.chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(program_file)])
    monkeypatch.setenv("PATH", "/nowhere")
    assert program() == "bin/pneumonia"
    monkeypatch.setenv("PATH", str(program_file.parent))
    assert program() == "pneumonia"
    monkeypatch.setattr(sys, "argv", ["/tree/pneumonia_cli/__main__.py"])
    assert program().endswith("-m pneumonia_cli")


def test_variables_that_the_command_line_needs() -> None:
    assert client_exports("http://127.0.0.1:8000", "http://localhost:8001", None) == {}
    assert client_exports("http://127.0.0.1:9000", "http://localhost:8001", None) == {
        "PNEUMONIA_URL": "http://127.0.0.1:9000"
    }
    assert client_exports("http://127.0.0.1:8000", "http://localhost:9001", "t") == {
        "AWS_ENDPOINT_URL": "http://localhost:9001",
        "PNEUMONIA_TOKEN": "t",
    }
