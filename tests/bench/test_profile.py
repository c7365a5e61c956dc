from typing import Any

from bench import profile


def event(name: str, dur: int, node: str = "node") -> dict[str, Any]:
    return {"cat": "Node", "name": f"{node}_kernel_time", "dur": dur, "args": {"op_name": name}}


def test_operators_are_added_up_by_kind() -> None:
    events = [
        event("QLinearConv", 5, node="one_channel_each"),
        event("QLinearConv", 70),
        event("NhwcMaxPool", 3),
        event("DequantizeLinear", 2),
        event("Mul", 1),
        event("Gemm", 1),
        {"cat": "Session", "name": "model_run", "dur": 1000},
    ]
    assert profile.by_kind(events, {"one_channel_each"}) == {
        "depthwise convolutions": 5,
        "other convolutions": 70,
        "pooling": 3,
        "conversion of numbers": 2,
        "everything else": 2,
    }


def test_the_rest_of_the_time_is_heatmap_and_around() -> None:
    timing = {"decode": 2.0, "preprocess": 1.0, "model": 10.0, "total": 15.0}
    assert profile.parts_of(timing, 18.0) == {
        "decode": 2.0, "preprocess": 1.0, "model": 10.0, "heatmap": 2.0, "around": 3.0,
    }  # fmt: skip
