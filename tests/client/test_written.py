"""Outputs that cannot be written: a full disk (/dev/full on Linux), a path that is taken, a missing permission."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pneumonia_cli.client.errors import UnwritableOutput
from pneumonia_cli.client.written import lines_to, make_folder, unwritable, write_bytes
from tests.client.conftest import Pneumonia, Ran, Stack
from tests.conftest import MakeFilms

FULL = Path("/dev/full")
ROOT = Path(__file__).parents[2]

needs_full = pytest.mark.skipif(not FULL.exists(), reason="there is no /dev/full")


def assert_told(ran: Ran, path: Path, reason: str) -> None:
    told = " ".join(ran.err.split())
    assert ran.code == 2, ran
    assert f"{path} cannot be written: {reason}." in told
    assert "internal error" not in told


def forbid(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Refuse writing below a folder: in containers the tests run as root, who has every permission."""
    opened = os.open

    def refusing(path: object, flags: int, *arguments: int, **named: int) -> int:
        if str(path).startswith(str(folder)) and flags & (os.O_WRONLY | os.O_RDWR):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, flags, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", refusing)


@needs_full
def test_predict_on_a_full_disk(tiny_service: None, pneumonia: Pneumonia, make_films: MakeFilms) -> None:
    assert_told(pneumonia("predict", make_films({"a.png": 250}), "--out", FULL), FULL, "No space left on device")


@needs_full
def test_call_on_a_full_disk(stack: Stack, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path) -> None:
    images = make_films({"a.png": 250})
    assert_told(pneumonia("call", images, *stack.options, "--out", FULL), FULL, "No space left on device")
    (heatmaps := tmp_path / "heatmaps").mkdir()
    (full := heatmaps / "a.png").symlink_to(FULL)
    assert_told(pneumonia("call", images, *stack.options, "--heatmaps", heatmaps), full, "No space left on device")


@pytest.mark.slow
@needs_full
def test_submit_on_a_full_disk(
    service: Stack, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, out = make_films({"a.png": 250}), tmp_path / "out"
    out.mkdir()
    (out / ".results.csv.part").symlink_to(FULL)
    ran = pneumonia("submit", images, *service.options, "--out", out)
    assert_told(ran, out / "results.csv", "No space left on device")
    assert not (out / ".results.csv.part").is_symlink()  # no unfinished file is left
    assert pneumonia("submit", images, *service.options, "--out", out).code == 0


@pytest.mark.parametrize(("option", "reason"), [("--out", "File exists"), ("--heatmaps", "Not a directory")])
def test_an_unusable_output_path_is_reported_before_anything_is_sent(
    stack: Stack, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path, option: str, reason: str
) -> None:
    (tmp_path / "file").write_text("")
    ran = pneumonia("call", make_films({"a.png": 250}), *stack.options, option, tmp_path / "file" / "x")
    assert ran.code == 2
    assert f"cannot be written: {reason}." in ran.err
    assert ran.err.startswith(str(tmp_path / "file"))


def test_without_permission_submit_names_the_folder(
    stack: Stack, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images, out = make_films({"a.png": 250}), tmp_path / "out"
    forbid(monkeypatch, out)
    assert_told(pneumonia("submit", images, *stack.options, "--out", out), out, "Permission denied")
    assert stack.uploads() == []


def test_an_error_is_an_object_for_programs(
    tiny_service: None, pneumonia: Pneumonia, make_films: MakeFilms, tmp_path: Path
) -> None:
    ran = pneumonia("predict", make_films({"a.png": 250}), "--json", "--out", tmp_path)
    assert (ran.code, '"code": "unwritable_output"' in ran.err) == (2, True)


@needs_full
def test_standard_output_that_cannot_be_written() -> None:
    with FULL.open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "pneumonia_cli", "--help"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "lambda_src"), str(ROOT)])},
            check=False,
        )
    assert ran.returncode == 2
    assert ran.stderr.startswith("Standard output cannot be written: No space left on device.")
    assert "Exception ignored" not in ran.stderr


@needs_full
def test_lines_are_written_immediately(tmp_path: Path) -> None:
    with lines_to(tmp_path / "new" / "lines.jsonl") as write:
        write({"a": 1})
        assert (tmp_path / "new" / "lines.jsonl").read_text() == '{"a": 1}\n'
    with lines_to(None) as write:
        write({"a": 1})
    with pytest.raises(UnwritableOutput, match="/dev/full"), lines_to(FULL) as write:
        write({"a": 1})


def test_folders_and_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_folder(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []
    with pytest.raises(UnwritableOutput, match=f"{tmp_path} cannot be written: Is a directory"):
        write_bytes(tmp_path, b"")
    forbid(monkeypatch, tmp_path)
    with pytest.raises(UnwritableOutput, match=f"{tmp_path} cannot be written: Permission denied"):
        make_folder(tmp_path)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "Standard output cannot be written: No space"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "/x cannot be written: Permission denied."),
        (PermissionError(errno.EACCES, "Permission denied"), None),  # such as that of a port
        (FileNotFoundError(errno.ENOENT, "No such file", "/x"), None),
        (ConnectionResetError(errno.ECONNRESET, "reset"), None),
        (OSError("of a library"), None),
    ],
)
def test_which_errors_are_of_outputs(error: OSError, told: str | None) -> None:
    found = unwritable(error)
    assert (found is None) if told is None else str(found).startswith(told)
