"""Made-up metrics of a stack in use, for the picture of its dashboard. None of it was measured."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np

from tools.metric_math import Array

_MINUTES: Final = 5
DAY_HOURS: Final = 24
CODES: Final = {"blank_image": 0.3, "not_a_chest_xray": 1.0, "unsupported_format": 0.5, "wrong_orientation": 0.7}
"""Refusals that a SEARCH by code finds, and how often they are, one to the other."""


@dataclass(frozen=True)
class Metric:
    """A row of a widget, read: which metric, of what, by which statistic and period (seconds)."""

    name: str
    of: str
    statistic: str
    period: int


@dataclass(frozen=True)
class _Shape:
    """Mean in five minutes at noon, how much of it follows the hours of work (0-1), its noise, and by how much its
    p99 is above its p50."""

    level: float
    working_day: float = 1.0
    noise: float = 0.15
    tail: float = 3.0
    counts: bool = False


# By metric, and by what it is of where that matters.
_SHAPES: Final[Mapping[str, _Shape]] = {
    "UrlRequestCount": _Shape(60, counts=True),
    "Predictions api": _Shape(50, counts=True),
    "Predictions worker": _Shape(25, counts=True),
    "Invocations api": _Shape(60, counts=True),
    "Invocations worker": _Shape(8, counts=True),
    "Url4xxCount": _Shape(4, counts=True),
    "Url5xxCount": _Shape(0.01, counts=True),
    "Errors": _Shape(0.005, counts=True),
    "Throttles": _Shape(0.005, counts=True),
    "ConcurrentExecutions api": _Shape(2, counts=True),
    "ConcurrentExecutions worker": _Shape(1.5, counts=True),
    "ClaimedAccountConcurrency": _Shape(3.5, counts=True),
    "Duration api": _Shape(110, 0.1),
    "Duration worker": _Shape(620, 0.1, tail=2.2),
    "UrlRequestLatency": _Shape(125, 0.1, tail=3.2),
    "DecodeTime": _Shape(22, 0, tail=4),
    "ModelTime": _Shape(75, 0, tail=1.5),
    "ApproximateNumberOfMessagesVisible queue": _Shape(6, noise=0.8),
    "ApproximateNumberOfMessagesVisible dead": _Shape(0),
    "ApproximateNumberOfMessagesNotVisible": _Shape(4, noise=0.4),
    "ApproximateAgeOfOldestMessage": _Shape(14, noise=0.8),
    "ColdStarts": _Shape(0.25, counts=True),
    "Rejections": _Shape(1.5, counts=True),
    "OutsidePopulation": _Shape(0.5, counts=True),
    "TriageLikelyNormal": _Shape(9, counts=True),
    "TriageIndeterminate": _Shape(8, counts=True),
    "TriageLikelyPneumonia": _Shape(20, counts=True),
    "NumberOfMessagesSent": _Shape(27, counts=True),
    "NumberOfMessagesReceived": _Shape(27, counts=True),
    "NumberOfMessagesDeleted": _Shape(27, counts=True),
    "NumberOfEmptyReceives": _Shape(70, 0, counts=True),
    "IncomingBytes": _Shape(60_000),
}
_SCORE_MEANS: Final = {"api": 0.61, "worker": 0.55}
_STORED_BYTES: Final = {"uploads": 40e9, "results": 9e9}


def series(metric: Metric, hours: int) -> Array:
    """Values of a metric, one for each of its periods, over so many hours until now (08:00)."""
    random = np.random.default_rng(zlib.crc32(f"{metric.name} {metric.of}".encode()))
    length = hours * 3600 // metric.period
    if metric.name == "Score":
        return np.asarray(_SCORE_MEANS[metric.of] + random.normal(0, 0.02, length))
    if metric.name == "BucketSizeBytes":
        grown = np.full(length, np.nan)
        grown[:: DAY_HOURS * 3600 // metric.period] = _STORED_BYTES[metric.of]
        return grown
    shape = _SHAPES.get(f"{metric.name} {metric.of}") or _SHAPES[metric.name]
    return _draw(shape, metric, hours, random)


def rejections(function: str, hours: int, period: int) -> dict[str, Array]:
    """What a SEARCH finds: refusals of a function by code."""
    found = {}
    for code, weight in CODES.items():
        random = np.random.default_rng(zlib.crc32(f"{function} {code}".encode()))
        shape = _Shape(0.6 * weight, counts=True)
        found[code] = _draw(shape, Metric("Rejections", function, "Sum", period), hours, random)
    return found


def histogram(function: str, bins: int) -> Array:
    """Percent of the scores in each of so many bins from 0 to 1."""
    random = np.random.default_rng(zlib.crc32(function.encode()))
    ill = random.beta(6, 0.9, 600 if function == "api" else 480)
    well = random.beta(1.3, 6, 400)
    counts, _ = np.histogram(np.concatenate([ill, well]), bins=bins, range=(0, 1))
    return np.asarray(100 * counts / counts.sum())


def _draw(shape: _Shape, metric: Metric, hours: int, random: np.random.Generator) -> Array:
    steps = hours * 60 // _MINUTES
    hour = (8 + np.arange(steps) * _MINUTES / 60) % 24
    work = np.exp(-(((hour - 12.5) / 4) ** 2)) + 0.05
    level = shape.level * (1 - shape.working_day + shape.working_day * work)
    if shape.counts:
        values = random.poisson(level).astype(np.float64)
    else:
        values = level * np.exp(random.normal(0, shape.noise, steps))
    if metric.statistic == "p99":
        values = values * shape.tail * np.exp(random.normal(0, 0.2, steps))
    grouped = values.reshape(-1, metric.period // 60 // _MINUTES)
    if metric.name == "Duration" and metric.statistic == "Sum":
        # A mean of its own, times the calls.
        return np.asarray(grouped.mean(axis=1) * series(Metric("Invocations", metric.of, "Sum", metric.period), hours))
    return np.asarray(grouped.sum(axis=1) if metric.statistic == "Sum" else grouped.max(axis=1))
