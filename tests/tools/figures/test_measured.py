from pathlib import Path

from tools.figures import measured


def test_a_section_replaces_only_itself(tmp_path: Path) -> None:
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


def test_rows_of_another_model_are_removed(tmp_path: Path) -> None:
    path = tmp_path / "measured.json"
    for model, row in (("1", "a"), ("1", "b"), ("2", "a")):
        measured.add_row("photos", "make measure", {"version": model}, row, [0.5], path)
        if row == "b":
            assert measured.load(path)["photos"]["rows"] == {"a": [0.5], "b": [0.5]}
    assert measured.load(path)["photos"]["rows"] == {"a": [0.5]}
