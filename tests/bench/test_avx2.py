import platform
from pathlib import Path

import pytest

from bench import avx2, children

QUESTIONS = b"\x0f\xa2\xa8\x10\x74\x38" + b"\x90" * 70 + b"\xa8\xe0\x0f\x84" + b"\x01\x02\x03\x04"


def test_both_queries_return_no_and_nothing_else_changes() -> None:
    changed = avx2.without_vnni(b"before" + QUESTIONS + b"after")
    assert (
        changed == b"before" + QUESTIONS.replace(b"\xa8\x10", b"\x24\x00").replace(b"\xa8\xe0", b"\x0c\xe0") + b"after"
    )


@pytest.mark.parametrize("library", [b"", b"another build", QUESTIONS + b"\x90" * 300 + QUESTIONS])
def test_a_library_with_other_queries_is_refused(library: bytes) -> None:
    with pytest.raises(avx2.NotEmulated):
        avx2.without_vnni(library)


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="has neither AVX2 nor VNNI")
def test_the_installed_onnxruntime_saturates_without_vnni(tmp_path: Path) -> None:
    assert children.saturates(avx2.package(tmp_path))
