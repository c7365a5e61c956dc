from pathlib import Path

import pytest

from bench import measurements, report


def test_the_table_goes_between_its_markers_and_nowhere_else() -> None:
    document = f"before\n{report.BEGIN}\nold\n{report.END}\nafter"
    text = report.replaced(document, r"| a\1 |", "README.md")
    assert text == f"before\n{report.BEGIN}\n| a\\1 |\n{report.END}\nafter"
    assert report.replaced(text, r"| a\1 |", "README.md") == text


@pytest.mark.parametrize("document", ["", report.BEGIN, f"{report.BEGIN}{report.END}{report.BEGIN}{report.END}"])
def test_a_document_without_its_markers_is_refused(document: str) -> None:
    with pytest.raises(ValueError, match=r"README\.md"):
        report.replaced(document, "table", "README.md")


def test_the_documents_have_their_markers() -> None:
    for path in report.DOCUMENTS:
        report.replaced(path.read_text(encoding="utf-8"), "table", path.name)


def test_a_section_replaces_its_own_alone(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    measurements.store("process", {"a": 1}, path)
    measurements.store("container", {"b": 1}, path)
    found = measurements.store("process", {"a": 2}, path)
    assert found == measurements.load(path)
    assert (found["process"]["a"], found["container"]["b"]) == (2, 1)


def test_only_what_was_measured_is_in_the_table() -> None:
    assert report.table_rows({}) == []
    container = {
        **{
            name: {
                "ratio": {"median": 2.0, "low": 1.9, "high": 2.1},
                "ms": {who: {"median": 1.0, "low": 1.0, "high": 1.0} for who in ("ours", "origin")},
            }
            for name in ("cold_warm_cache", "cold_dropped_cache")
        },
        "read_mb": {"origin": 100.0, "ours": 50.0},
        "image_mb_above_base": 200.0,
        "by_cpus": {"1": {"memory_mb": 1769, "ms": {"median": 50.0}, "usd_per_thousand": 0.001}},
    }
    found = [row.found for row in report.table_rows({"container": container})]
    assert found[0] == "2.00 × (1.90-2.10): 1.0 ms (1.0-1.0) against 1.0 ms (1.0-1.0)"
    assert found[2].startswith("2.00 ×: 100 MB")


def test_the_worker_has_a_row_for_each_latency_the_real_one_first() -> None:
    entry = {
        "ratio": {"median": 2.0, "low": 1.9, "high": 2.1},
        "films_per_second": {"batch": 4.0, "one_by_one": 2.0},
    }
    rows = report.table_rows({"worker": {"batch": 5, "latency": {"0": entry, "100": entry}}})
    assert ["100 ms" in row.measured for row in rows] == [True, False]
    assert rows[0].found == "2.00 × (1.90-2.10): 4.0 films/s against 2.0"
    assert (rows[0].goal, rows[1].goal) == ("≥ 1.3 × / 1.6 ×", "-")


def test_the_memory_size_is_the_one_of_the_least_time_by_price() -> None:
    sizes = [
        {"memory_mb": 884, "ms": {"median": 100.0}, "usd_per_thousand": 0.0015},
        {"memory_mb": 1769, "ms": {"median": 45.0}, "usd_per_thousand": 0.0015},
        {"memory_mb": 3008, "ms": {"median": 40.0}, "usd_per_thousand": 0.0022},
    ]
    assert report.best_size(sizes)["memory_mb"] == 1769
    assert report.best_size(sizes[::-1])["memory_mb"] == 1769


def test_the_heaviest_parts_are_named_with_their_share() -> None:
    found = {
        "jpeg_224": {"over_bare": {"ms": {"bare": {"median": 20.0}, "handler": {"median": 25.0}}}},
        "cold_parts_ms": [["numpy", 60.0], ["session", 90.0], ["first answer", 50.0]],
    }
    warm, cold = report._heaviest(found)
    assert "80%" in warm.found
    assert cold.found.startswith("session, 45% of 200 ms (numpy 60, session 90")


def test_what_int8_gives_up_is_a_row_only_where_it_was_measured() -> None:
    assert report._precision(None) == []
    (row,) = report._precision({"films": 624, "auc_given_up": 0.0004, "decisions_changed": 0.0048})
    assert row.found == "0.0004; 0.5% (624 films, float32 beside int8)"


def test_plots_are_linked_from_where_the_document_lies(tmp_path: Path) -> None:
    folder = tmp_path / "bench" / "plots"
    folder.mkdir(parents=True)
    assert report.plot_links(folder, tmp_path) == ""
    (folder / "sizes.svg").touch()
    title = "Warm request and price of 1,000 by vCPU"
    assert report.plot_links(folder, tmp_path) == f"\n\n![{title}](bench/plots/sizes.svg)"
    assert report.plot_links(folder, tmp_path / "bench") == f"\n\n![{title}](plots/sizes.svg)"
