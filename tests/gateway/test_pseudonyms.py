import os
import re
from pathlib import Path

import pytest

from pneumonia_cli.gateway.pseudonyms import KEY_FILE, Pseudonyms


def test_the_key_of_a_folder_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    first, second = Pseudonyms.of_folder(tmp_path), Pseudonyms.of_folder(tmp_path)
    assert first.uid("1.2.3") == second.uid("1.2.3")
    assert os.listdir(tmp_path) == [KEY_FILE]
    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_a_damaged_key_is_reported(tmp_path: Path) -> None:
    (tmp_path / KEY_FILE).write_bytes(b"short")
    with pytest.raises(ValueError, match="damaged"):
        Pseudonyms.of_folder(tmp_path)


def test_pseudonyms_are_uids_and_names_of_jobs_differ() -> None:
    names = Pseudonyms(b"k" * 32)
    assert re.fullmatch(r"2\.25\.[1-9]\d{0,38}", names.uid("1.2.3"))
    assert re.fullmatch(r"[0-9a-f]{32}", names.job("1.2.3"))
    assert len({names.uid("1.2.3"), names.uid("1.2.4"), Pseudonyms(b"o" * 32).uid("1.2.3")}) == 3
