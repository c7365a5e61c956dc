"""The rows of the benchmark's table: a measurement, its required and desired values, and its result."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
MISSED = " **(missed)**"


@dataclass(frozen=True)
class Goal:
    """The required value (`must`) and desired value (`aim`) of a figure: lower limits, or upper limits if `most`."""

    must: float
    aim: float
    unit: str = ""
    most: bool = False

    def __str__(self) -> str:
        return f"{'≤' if self.most else '≥'} {self.must:g}{self.unit} / {self.aim:g}{self.unit}"

    def judged(self, value: float) -> str:
        """Return a mark if the required value is missed, otherwise an empty text."""
        return MISSED if (value > self.must if self.most else value < self.must) else ""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    measured: str
    goal: str
    found: str


IMAGES = ("jpeg_224", "jpeg_2000", "png_1024")
_ORIGIN = {"vnni": Goal(3.5, 5, " ×"), "avx2": Goal(2.5, 3.5, " ×")}
_HEATMAP = Goal(1.3, 1.15, " ×", most=True)
_BARE = Goal(1.10, 1.05, " ×", most=True)
_PEAK_MEMORY = Goal(150, 120, " MB", most=True)
_IMAGE = Goal(160, 120, " MB", most=True)
_SHARE = Goal(60, 75, "%")
_COLD = {"cold_warm_cache": Goal(2, 3, " ×"), "cold_dropped_cache": Goal(1.8, 2.5, " ×")}
_READ = Goal(1.8, 2.5, " ×")
_BATCHES = Goal(1.3, 1.6, " ×")


def table_rows(results: dict[str, Any]) -> list[Row]:
    """Return the rows that were measured."""
    rows = []
    if process := results.get("process"):
        rows += process_rows(process)
    if worker := results.get("worker"):
        rows += worker_rows(worker)
    if container := results.get("container"):
        rows += container_rows(container)
    return rows


def process_rows(found: dict[str, Any]) -> list[Row]:
    """Return the rows of the section `process`."""
    kind = found["machine"].get("kind", "")
    prices = ", ".join(f"{usd:.4f} USD ({name})" for name, usd in found["usd_per_thousand"].items())
    files = found["model"]["files"]
    return [
        *(_origin_row(found[name], _ORIGIN.get(kind)) for name in IMAGES),
        *_emulated_rows(found.get("avx2", {})),
        *(row for name in IMAGES for row in _heatmap_rows(found[name])),
        _against(found["jpeg_224"]["over_bare"], "handler", "bare", "{}, time of handler over bare `session.run`",
                 _BARE, found["jpeg_224"]["film"]),
        _share_row("model against the int8 GEMM peak", found["floor"], _SHARE if kind == "vnni" else None),
        Row("peak memory of the API after 100 mixed requests", str(_PEAK_MEMORY),
            f"{found['memory_mb']:.0f} MB{_PEAK_MEMORY.judged(found['memory_mb'])}"),
        Row("all model files", "≤ 25 MB each / 22 MB in all",
            f"{sum(files.values()):.1f} MB ({', '.join(f'{name} {size} MB' for name, size in files.items())})"),
        *_precision(found["model"].get("precision")),
        Row("8 images, time of 8 runs of the model over one run, decoding included", "-", _ratio(found["batch"])),
        Row("OpenVINO's time over onnxruntime's, same file (float32; by default, bfloat16 where the CPU can)", "-",
            f"{_ratio(found['openvino'])}; {_ratio(found['openvino_default'])}"),
        *_profile_rows(found),
        Row("1,000 warm predictions without heatmap at 1,769 MB, list price", "-", prices),
    ]  # fmt: skip


def _origin_row(image: dict[str, Any], goal: Goal | None, title: str = "{}, origin's time over ours") -> Row:
    return _against(image["origin_over_ours"], "origin", "handler", title, goal, image["film"])


def _against(entry: dict[str, Any], over: str, under: str, title: str, goal: Goal | None, image: str) -> Row:
    judged = goal.judged(entry["ratio"]["median"]) if goal else ""
    found = f"{_ratio(entry)}{judged}: {_ms(entry, over)} against {_ms(entry, under)}"
    return Row(title.format(image), str(goal or "-"), found)


def _emulated_rows(found: dict[str, Any]) -> list[Row]:
    """Return the rows that were measured on this CPU without its VNNI instructions."""
    title = "{}, origin's time over ours, AVX2 without VNNI"
    if "jpeg_224" not in found:
        return [Row("AVX2 without VNNI", str(_ORIGIN["avx2"]), found["why_not"])] if found else []
    return [
        *(_origin_row(found[name], _ORIGIN["avx2"], title) for name in IMAGES),
        _share_row("model against the int8 GEMM peak, AVX2 without VNNI", found["floor"], None),
    ]


def _heatmap_rows(image: dict[str, Any]) -> list[Row]:
    return [
        _against(
            image[name], over, under, f"{{}}, time with heatmap over time without, {path}", _HEATMAP, image["film"]
        )
        for name, over, under, path in (
            ("heatmap_upload", "upload_heatmap", "upload", "in the worker"),
            ("heatmap_api", "handler_heatmap", "handler", "in the API"),
        )
        if name in image
    ]


def _share_row(title: str, floor: dict[str, Any], goal: Goal | None) -> Row:
    share = 100 * floor["share_of_peak"]
    kinds = floor["gemm_gmac_per_second"]
    return Row(
        title,
        str(goal or "-"),
        f"{share:.0f}%{goal.judged(share) if goal else ''}: {floor['model_gmac']:.2f} G multiply-adds, "
        f"{kinds[floor['kind']]:.0f} G/s in {floor['kind']} ({kinds['float32']:.0f} G/s in float32)",
    )


def _precision(cost: dict[str, Any] | None) -> list[Row]:
    """Return the loss of accuracy from int8 on the test split, as measured by `make evaluate FLOAT32=`."""
    if not cost:
        return []
    found = f"{cost['auc_given_up']:.4f}; {cost['decisions_changed']:.1%} ({cost['films']} images, float32 and int8)"
    title = "loss of accuracy by int8 on the test split: AUC; changed decisions"
    return [Row(title, "≤ 0.003; 1% / 0.001; 0.5%", found)]


def _profile_rows(found: dict[str, Any]) -> list[Row]:
    """Return the rows with the time of each step of a request, of the model, and of a cold start."""
    rows = [
        Row(
            f"parts of a warm {found[name]['film']} with its heatmap, in the API, ms",
            "-",
            ", ".join(f"{part} {ms:.1f}" for part, ms in parts.items()),
        )
        for name, parts in sorted(found.get("request_parts_ms", {}).items())
    ]
    if parts := found.get("model_parts_ms"):
        rows.append(Row("parts of the model", "-", _model_parts(parts, found["model"], found["floor"])))
    if parts := dict(found.get("cold_parts_ms", ())):
        total = sum(parts.values())
        name = max(parts, key=lambda part: parts[part])
        rest = ", ".join(f"{part} {ms:.0f}" for part, ms in parts.items())
        text = f"{name}, {parts[name] / total:.0%} of {total:.0f} ms ({rest})"
        rows.append(Row("heaviest part of the cold path, page cache warm", "-", text))
    return rows


def _model_parts(parts: dict[str, float], model: dict[str, Any], floor: dict[str, Any]) -> str:
    total = sum(parts.values())
    shares = [f"{kind} {ms / total:.0%}" for kind, ms in sorted(parts.items(), key=lambda item: -item[1])]
    dense_ms = parts.get("other convolutions")
    if dense_ms:
        rate = (model["gmac"] - model["depthwise_gmac"]) / dense_ms * 1000
        share = rate / floor["gemm_gmac_per_second"][floor["kind"]]
        depthwise = model["depthwise_gmac"] / model["gmac"]
        shares.append(
            f"depthwise ones have {depthwise:.1%} of the multiply-adds; the others run at {share:.0%} of the GEMM peak"
        )
    return "; ".join([", ".join(shares[: len(parts)]), *shares[len(parts) :]])


def worker_rows(found: dict[str, Any]) -> list[Row]:
    """Return the rows of the section `worker`."""
    rows = [
        Row(
            f"worker, throughput of batches of {found['batch']} over single uploads, {_latency(latency)}",
            str(_BATCHES) if latency != "0" else "-",
            f"{_ratio(entry)}: {entry['films_per_second']['batch']:.1f} images/s against "
            f"{entry['films_per_second']['one_by_one']:.1f}",
        )
        for latency, entry in sorted(found["latency"].items(), key=lambda item: -int(item[0]))
    ]
    if prices := found.get("usd_per_thousand"):
        text = "; ".join(
            f"{', '.join(f'{usd:.4f} USD ({name})' for name, usd in prices[key].items())} {title}"
            for key, title in (("computing", "for computing only"), ("100", "with an S3 latency of 100 ms"))
            if key in prices
        )
        rows.append(Row("1,000 uploads with heatmap at 1,769 MB, list price of Lambda", "reported / < 0.002 USD", text))
    return rows


def _latency(milliseconds: str) -> str:
    return f"S3 latency {milliseconds} ms" if milliseconds != "0" else "no S3 latency"


def container_rows(found: dict[str, Any]) -> list[Row]:
    """Return the rows of the section `container`."""
    rows = [
        _against(
            found[name], "origin", "ours", f"container ready to first response, {title}, origin's time over ours",
            _COLD[name], "",
        )
        for name, title in (("cold_warm_cache", "page cache warm"), ("cold_dropped_cache", "page cache dropped"))
        if name in found
    ]  # fmt: skip
    if read := found.get("read_mb"):
        ratio = read["origin"] / read["ours"]
        text = f"{ratio:.2f} ×{_READ.judged(ratio)}: {read['origin']:.0f} MB against {read['ours']:.0f} MB"
        rows.append(Row("data read from disk until the first response, origin's over ours", str(_READ), text))
    size = found["image_mb_above_base"]
    rows.append(Row("container image without its base, unpacked", str(_IMAGE), f"{size:.0f} MB{_IMAGE.judged(size)}"))
    by_cpus = sorted(found["by_cpus"].items(), key=lambda item: float(item[0]))
    curve = (
        f"{cpus} vCPU, {entry['memory_mb']} MB: {mean_ms(entry):.0f} ms, {entry['usd_per_thousand']:.4f} USD per 1,000"
        for cpus, entry in by_cpus
    )
    rows.append(Row("warm request by memory size, mean", "-", "; ".join(curve)))
    chosen = best_size([entry for _, entry in by_cpus])
    default = json.loads((ROOT / "cdk.json").read_text(encoding="utf-8"))["context"]["memory_mb"]
    rows.append(Row("memory size with the lowest time × price", f"default {default} MB", f"{chosen['memory_mb']} MB"))
    return rows


def best_size(sizes: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the memory size to use as the default: twice the speed justifies at most twice the price."""
    return min(sizes, key=lambda entry: mean_ms(entry) * entry["usd_per_thousand"])


def mean_ms(size: dict[str, Any]) -> float:
    """Return the mean time of a request at a memory size. Earlier results have only the median."""
    return float(size.get("mean_ms", size["ms"]["median"]))


def _ratio(entry: dict[str, Any]) -> str:
    ratio = entry["ratio"]
    return f"{ratio['median']:.2f} × ({ratio['low']:.2f}-{ratio['high']:.2f})"


def _ms(entry: dict[str, Any], name: str) -> str:
    ms = entry["ms"][name]
    return f"{ms['median']:.1f} ms ({ms['low']:.1f}-{ms['high']:.1f})"
