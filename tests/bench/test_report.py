from pathlib import Path
from typing import Any

import pytest

from bench import report


def test_only_the_text_between_the_markers_is_replaced() -> None:
    document = f"before\n{report.BEGIN}\nold\n{report.END}\nafter"
    text = report.replaced(document, r"| a\1 |", "README.md")
    assert text == f"before\n{report.BEGIN}\n| a\\1 |\n{report.END}\nafter"
    assert report.replaced(text, r"| a\1 |", "README.md") == text


@pytest.mark.parametrize("document", ["", report.BEGIN, f"{report.BEGIN}{report.END}{report.BEGIN}{report.END}"])
def test_a_document_without_its_markers_is_refused(document: str) -> None:
    with pytest.raises(ValueError, match=r"README\.md"):
        report.replaced(document, "table", "README.md")


def test_the_document_has_its_markers() -> None:
    report.replaced(report.DOCUMENT.read_text(encoding="utf-8"), "table", report.DOCUMENT.name)


def machine(**fields: Any) -> dict[str, Any]:
    return {
        "cpu": "a CPU",
        "cpus_used": 1,
        "cpus_of_machine": 2,
        "vector_features": ["avx2"],
        "load_at_start": 0.1,
        "system": "Linux x86_64",
        "python": "3.13",
        "packages": {"numpy": "2"},
    } | fields


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({}, "avx2; load 0.1"),
        ({"int8_saturates": False}, "avx2 (VNNI used: products do not saturate); load"),
        ({"int8_saturates": True}, "avx2 (VNNI not used: products saturate); load"),
        ({"int8_saturates": False, "system": "Linux aarch64"}, "avx2; load"),
        ({"other_cpus_busy": 0.25}, "load 0.1 before it began, the other CPUs 25% busy meanwhile;"),
    ],
)
def test_the_conditions_describe_the_cpu(fields: dict[str, Any], text: str) -> None:
    found = report.conditions({"worker": {"machine": machine(**fields), "measured": "2026-11-26"}})
    assert text in found


def test_doubtful_figures_have_warnings() -> None:
    noisy = {
        "film": "224x224 JPEG",
        "two_modes": {"handler": (10.0, 22.0)},
        "rounds": {"taken": 40, "undisturbed": 3, "quiet": False},
    }
    calm = {"film": "PNG", "two_modes": {}, "rounds": {"taken": 40, "undisturbed": 40, "quiet": True}}
    modes, rounds = report.warnings({"process": {"jpeg_224": noisy, "png_1024": calm, "avx2": {"png_1024": calm}}})
    assert "handler have two modes, 10.0 and 22.0 ms" in modes
    assert "all but 3 of 40 rounds" in rounds
    assert report.warnings({}) == []


def test_other_kinds_of_machine_have_separate_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "_part", lambda sections: f"part {sorted(sections)}")
    found = report.tables({"process": {}, "others": {"avx2": {"process": {}, "container": {}}}})
    assert found.endswith("\n\n### On a machine with AVX2, without VNNI\n\npart ['container', 'process']")


def test_plots_are_linked_relative_to_the_document(tmp_path: Path) -> None:
    folder = tmp_path / "bench" / "plots"
    folder.mkdir(parents=True)
    assert report.plot_links(folder, tmp_path) == ""
    (folder / "sizes.svg").touch()
    title = "Warm request and price of 1,000 by vCPU"
    assert report.plot_links(folder, tmp_path) == f"\n\n![{title}](bench/plots/sizes.svg)"
    assert report.plot_links(folder, tmp_path / "bench") == f"\n\n![{title}](plots/sizes.svg)"
