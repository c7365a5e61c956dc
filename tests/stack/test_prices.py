"""The rates, calculated by hand from the price lists that pneumonia_cli/stack/prices.py names."""

import dataclasses
from typing import Any

import pytest

from bench import cost
from pneumonia_cli.stack.context import settings_of
from pneumonia_cli.stack.prices import Rates, Usage


@pytest.fixture
def rates(defaults: dict[str, Any]) -> Rates:
    return Rates.of(settings_of(defaults))


def test_rates_and_usage_have_the_same_fields_in_the_same_order(rates: Rates) -> None:
    names = [field.name for field in dataclasses.fields(Usage)]
    assert [field.name for field in dataclasses.fields(Rates)] == names
    assert list(rates.costs(Usage())) == names


@pytest.mark.parametrize(
    ("usage", "usd"),
    [
        (Usage(invocations=1_000_000), 0.20),
        (Usage(milliseconds=1_000_000), 1000 * 1769 / 1024 * 0.0000166667),
        (Usage(provisioned_hours=1), 1769 / 1024 * 3600 * 0.0000041667),
        (Usage(queue_messages=1_000_000), 0.40),
        (Usage(uploads=1000), 3 * 0.005 + 2 * 0.0004),
        (Usage(byte_hours=1024**3 * 730), 0.023),
        (Usage(log_bytes=1024**3), 0.50),
        (Usage(metric_hours=730), 0.30),
        (Usage(alarm_hours=730), 0.10),
        (Usage(dashboard_hours=730), 3.00),
        (Usage(), 0),
    ],
)
def test_costs(rates: Rates, usage: Usage, usd: float) -> None:
    assert sum(rates.costs(usage).values()) == pytest.approx(usd)


def test_memory_and_price_count(defaults: dict[str, Any]) -> None:
    dear = Rates.of(settings_of(defaults | {"memory_mb": 3538, "price_gb_second": 1}))
    assert dear.milliseconds == pytest.approx(3538 / 1024 / 1000)


def test_the_benchmark_uses_the_same_price(defaults: dict[str, Any]) -> None:
    assert cost.USD_PER_GB_SECOND["x86_64"] == defaults["price_gb_second"]
    assert pytest.approx(defaults["price_million_requests"] / 1e6) == cost.USD_PER_REQUEST
