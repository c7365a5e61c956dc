from pathlib import Path

from bench import measurements

VNNI = {"machine": {"vector_features": ["avx2", "avx512_vnni"], "system": "Linux x86_64"}}
AVX2 = {"machine": {"vector_features": ["avx2"], "system": "Linux x86_64"}}


def test_a_section_replaces_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    measurements.store("process", VNNI | {"a": 1}, path)
    measurements.store("container", VNNI | {"b": 1}, path)
    found = measurements.store("process", VNNI | {"a": 2}, path)
    assert found == measurements.load(path)
    assert (found["process"]["a"], found["container"]["b"]) == (2, 1)
    assert measurements.OTHERS not in found


def test_results_of_another_kind_of_machine_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    measurements.store("process", VNNI | {"a": 1}, path)
    measurements.store("container", VNNI | {"b": 1}, path)
    other = measurements.store("process", AVX2 | {"a": 2}, path)
    assert other["process"]["a"] == 2
    assert "container" not in other
    assert {name: set(sections) for name, sections in other["others"].items()} == {"vnni": {"process", "container"}}
    again = measurements.store("worker", VNNI | {"c": 3}, path)
    assert (again["process"]["a"], again["container"]["b"], again["worker"]["c"]) == (1, 1, 3)
    assert again["others"]["avx2"]["process"]["a"] == 2


def test_other_keys_stay(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    measurements.save({"scale": {"rows": []}}, path)
    assert measurements.store("process", AVX2, path)["scale"] == {"rows": []}
