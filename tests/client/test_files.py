from pathlib import Path

import pytest

from pneumonia_cli.client.errors import Refused, UsageProblem
from pneumonia_cli.client.files import find, read


def test_reads_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "film"
    path.write_bytes(b"12345")
    assert read(path, 5) == b"12345"
    with pytest.raises(Refused) as refused:
        read(path, 4)
    assert (refused.value.code, refused.value.status) == ("too_large", 413)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "film").touch()
    with pytest.raises(Refused) as refused:
        read(tmp_path / "film", 5)
    assert refused.value.code == "missing_image"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(Refused) as refused:
        read(tmp_path, 5)
    assert (refused.value.code, refused.value.status) == ("unreadable_file", None)
    assert str(tmp_path) not in refused.value.detail


def test_nothing_found(tmp_path: Path) -> None:
    with pytest.raises(UsageProblem, match="No image was found"):
        find([str(tmp_path / "none")])
