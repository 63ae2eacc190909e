"""The demo world is told as its systems tell: in this order, and never before it happened."""

import pytest

from service.demo.arrivals import fact_arrival, rate_arrival, spend_arrival
from service.kit.time import iso, to_micros


@pytest.mark.parametrize(
    ("sender", "occurred_at", "arrives_at"),
    [
        ("website", "2026-02-28T21:00:03Z", "2026-02-28T21:00:03Z"),
        ("shop", "2026-02-28T21:05:00Z", "2026-02-28T21:05:00Z"),
        ("crm", "2026-02-28T23:00:01Z", "2026-03-01T00:00:00Z"),
        ("crm", "2026-02-28T23:00:00Z", "2026-02-28T23:00:00Z"),
        ("calls", "2026-02-28T09:59:59Z", "2026-02-28T10:00:00Z"),
        ("email", "2026-02-28T21:00:00Z", "2026-03-01T05:00:00Z"),
        ("email", "2026-03-01T00:00:00Z", "2026-03-02T05:00:00Z"),
    ],
)
def test_each_system_tells_in_its_own_time(sender: str, occurred_at: str, arrives_at: str) -> None:
    assert iso(to_micros(fact_arrival(sender, {"occurred_at": occurred_at}))) == arrives_at


def test_accounts_and_rates_are_told_when_they_are_stated(seen) -> None:
    assert all(iso(to_micros(spend_arrival(line))) == line["stated_at"] for line in seen.lines)
    first = rate_arrival({"date": "2026-03-01", "base": "USD", "quote": "EUR", "rate": "0.9"})
    assert iso(to_micros(first)) == "2026-03-01T15:00:00Z"


def test_nothing_is_told_before_it_happened(seen) -> None:
    for sender, facts in seen.world.sources.items():
        told = [iso(to_micros(fact_arrival(sender, fact))) for fact in facts]
        assert all(at >= fact["occurred_at"] for at, fact in zip(told, facts, strict=True))
        assert told == sorted(told)
