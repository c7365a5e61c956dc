import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tools.trim_library import trimmed

DECODERS = ("_libjpeg", "_openjpeg")


def library(module: str) -> Path:
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin)


@pytest.mark.skipif(sys.platform != "linux", reason="the image is Linux")
@pytest.mark.parametrize("module", DECODERS)
def test_a_trimmed_decoder_is_smaller_and_loads(module: str, tmp_path: Path) -> None:
    whole = library(module).read_bytes()
    cut = trimmed(whole)
    assert len(cut) < len(whole) / 2
    (tmp_path / library(module).name).write_bytes(cut)
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import {module}; print({module}.__file__)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == str(tmp_path / library(module).name)


@pytest.mark.skipif(sys.platform != "linux", reason="the image is Linux")
def test_trimming_twice_changes_nothing() -> None:
    once = trimmed(library("_openjpeg").read_bytes())
    assert trimmed(once) == once


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF\x01\x01" + bytes(60)])
def test_another_file_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="not a 64-bit ELF file"):
        trimmed(content)
