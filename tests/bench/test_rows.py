from typing import Any

import pytest

from bench import rows


def against(ratio: float, **ms: float) -> dict[str, Any]:
    return {
        "ratio": {"median": ratio, "low": ratio - 0.1, "high": ratio + 0.1},
        "ms": {name: {"median": value, "low": value, "high": value} for name, value in ms.items()},
    }


def test_the_table_has_only_measured_rows() -> None:
    assert rows.table_rows({}) == []
    container = {
        "cold_warm_cache": against(2.0, ours=1.0, origin=2.0),
        "cold_dropped_cache": against(1.7, ours=1.0, origin=2.0),
        "read_mb": {"origin": 100.0, "ours": 50.0},
        "image_mb_above_base": 200.0,
        "by_cpus": {"1": {"memory_mb": 1769, "ms": {"median": 50.0}, "usd_per_thousand": 0.001}},
    }
    found = [row.found for row in rows.table_rows({"container": container})]
    assert found[0] == "2.00 × (1.90-2.10): 2.0 ms (2.0-2.0) against 1.0 ms (1.0-1.0)"
    assert found[1].startswith("1.70 × (1.60-1.80) **(missed)**")
    assert found[2].startswith("2.00 ×: 100 MB")
    assert found[3] == "200 MB **(missed)**"


@pytest.mark.parametrize(
    ("goal", "text", "met", "missed"),
    [
        (rows.Goal(3.5, 5, " ×"), "≥ 3.5 × / 5 ×", 3.5, 3.4),
        (rows.Goal(150, 120, " MB", most=True), "≤ 150 MB / 120 MB", 150, 151),
    ],
)
def test_missed_goals_are_marked(goal: rows.Goal, text: str, met: float, missed: float) -> None:
    assert str(goal) == text
    assert goal.judged(met) == ""
    assert goal.judged(missed) == rows.MISSED


def process(kind: str) -> dict[str, Any]:
    image = {
        "film": "224x224 JPEG",
        "over_bare": against(1.0, handler=25, bare=20),
        "origin_over_ours": against(3.0, origin=75, handler=25),
        "heatmap_api": against(1.2, handler_heatmap=30, handler=25),
        "heatmap_upload": against(1.4, upload_heatmap=28, upload=20),
    }
    floor = {
        "share_of_peak": 0.5,
        "model_gmac": 3.3,
        "gemm_gmac_per_second": {"int8": 470.0, "float32": 120.0},
        "kind": "int8",
    }
    return {
        "machine": {"kind": kind},
        **dict.fromkeys(rows.IMAGES, image),
        "avx2": {**dict.fromkeys(rows.IMAGES, image), "floor": floor},
        "floor": floor,
        "model": {"files": {"a.onnx": 20.0}},
        "memory_mb": 140,
        "batch": against(1.0),
        "openvino": against(1.0),
        "openvino_default": against(1.0),
        "usd_per_thousand": {"x86_64": 0.001},
    }


def test_goals_depend_on_the_kind_of_machine_and_heatmaps_have_separate_rows() -> None:
    found = {row.measured: row for row in rows.process_rows(process("vnni"))}
    assert found["224x224 JPEG, origin's time over ours"].goal == "≥ 3.5 × / 5 ×"
    assert rows.MISSED in found["224x224 JPEG, origin's time over ours"].found
    without = found["224x224 JPEG, origin's time over ours, AVX2 without VNNI"]
    assert (without.goal, rows.MISSED in without.found) == ("≥ 2.5 × / 3.5 ×", False)
    assert rows.MISSED in found["224x224 JPEG, time with heatmap over time without, in the worker"].found
    assert rows.MISSED not in found["224x224 JPEG, time with heatmap over time without, in the API"].found
    assert found["model against the int8 GEMM peak"].found.startswith("50% **(missed)**: 3.30 G")
    other = {row.measured: row for row in rows.process_rows(process("avx2"))}
    assert other["224x224 JPEG, origin's time over ours"].goal == "≥ 2.5 × / 3.5 ×"
    assert other["model against the int8 GEMM peak"].goal == "-"


def test_a_failed_emulation_has_a_reason() -> None:
    found = rows.process_rows(process("vnni") | {"avx2": {"why_not": "Not measurable here."}})
    assert "Not measurable here." in [row.found for row in found if row.measured == "AVX2 without VNNI"]


def test_the_worker_has_one_row_for_each_latency() -> None:
    entry = against(2.0) | {"films_per_second": {"batch": 4.0, "one_by_one": 2.0}}
    found = rows.worker_rows({"batch": 5, "latency": {"0": entry, "100": entry}})
    assert ["100 ms" in row.measured for row in found] == [True, False]
    assert found[0].found == "2.00 × (1.90-2.10): 4.0 images/s against 2.0"
    assert (found[0].goal, found[1].goal) == ("≥ 1.3 × / 1.6 ×", "-")


def test_the_price_of_a_thousand_uploads_includes_computing_and_waiting() -> None:
    prices = {"computing": {"x86_64": 0.001, "arm64": 0.0008}, "0": {}, "100": {"x86_64": 0.005, "arm64": 0.004}}
    (row,) = rows.worker_rows({"batch": 5, "latency": {}, "usd_per_thousand": prices})
    assert row.found == (
        "0.0010 USD (x86_64), 0.0008 USD (arm64) for computing only; "
        "0.0050 USD (x86_64), 0.0040 USD (arm64) with an S3 latency of 100 ms"
    )


def test_the_best_memory_size_minimises_time_times_price() -> None:
    sizes = [
        {"memory_mb": 884, "ms": {"median": 100.0}, "usd_per_thousand": 0.0015},
        {"memory_mb": 1769, "ms": {"median": 45.0}, "usd_per_thousand": 0.0015},
        {"memory_mb": 3008, "ms": {"median": 40.0}, "usd_per_thousand": 0.0022},
    ]
    assert rows.best_size(sizes)["memory_mb"] == 1769
    assert rows.best_size(sizes[::-1])["memory_mb"] == 1769
    # With half a CPU, half of the requests wait for the next slice of CPU time.
    assert rows.best_size([sizes[1], sizes[0] | {"ms": {"median": 45.0}, "mean_ms": 100.0}])["memory_mb"] == 1769


def test_parts_of_requests_model_and_start_are_named_with_their_share() -> None:
    found = process("vnni") | {
        "request_parts_ms": {"jpeg_224": {"decode": 1.0, "model": 12.0, "heatmap": 1.5}},
        "model_parts_ms": {"depthwise convolutions": 2.0, "other convolutions": 8.0},
        "cold_parts_ms": [["numpy", 60.0], ["session", 90.0], ["first answer", 50.0]],
    }
    found["model"] |= {"gmac": 3.0, "depthwise_gmac": 0.06}
    request, model, cold = rows._profile_rows(found)
    assert request.found == "decode 1.0, model 12.0, heatmap 1.5"
    # 2.94 G in 8 ms are 367.5 G/s, of 470.
    assert model.found == (
        "other convolutions 80%, depthwise convolutions 20%; depthwise ones have 2.0% of the multiply-adds; the others "
        "run at 78% of the GEMM peak"
    )
    assert cold.found.startswith("session, 45% of 200 ms (numpy 60, session 90")
    assert rows._profile_rows(process("vnni")) == []


def test_the_loss_of_accuracy_is_a_row_only_if_measured() -> None:
    assert rows._precision(None) == []
    (row,) = rows._precision({"films": 624, "auc_given_up": 0.0004, "decisions_changed": 0.0048})
    assert row.found == "0.0004; 0.5% (624 images, float32 and int8)"
