from pathlib import Path

from tools.figures import measured


def test_a_section_takes_the_place_of_its_own_alone(tmp_path: Path) -> None:
    path = tmp_path / "measured.json"
    measured.store("fuzz", "make fuzz", {"inputs": 1}, path)
    measured.store("samples", "make figures", {"model": "x"}, path)
    measured.store("fuzz", "make fuzz", {"inputs": 2}, path)
    found = measured.load(path)
    assert [found[name]["command"] for name in ("fuzz", "samples")] == ["make fuzz", "make figures"]
    assert found["fuzz"]["inputs"] == 2
    assert found["samples"]["model"] == "x"


def test_nothing_was_measured_yet(tmp_path: Path) -> None:
    assert measured.load(tmp_path / "measured.json") == {}
