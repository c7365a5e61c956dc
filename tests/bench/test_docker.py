from pathlib import Path

import pytest

from bench import docker


def test_containers_have_the_cpu_first_for_a_while(tmp_path: Path) -> None:
    weight, missing = tmp_path / "cpu.weight", tmp_path / "none" / "cpu.weight"
    weight.write_text("100", encoding="ascii")

    def measured() -> None:
        with docker.served_first({weight: "10000", missing: "10000"}):
            assert weight.read_text(encoding="ascii") == "10000"
            raise RuntimeError("a measurement that fails")

    with pytest.raises(RuntimeError):
        measured()
    assert weight.read_text(encoding="ascii") == "100"
    assert not missing.exists()
