"""Exchange rates: exact text, clear refusals."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.collect.identifiers import IdentifierReader
from service.collect.native import Sender
from service.collect.rates import collect_rates, parse_rate, to_rate_fact
from service.kit.errors import Refusal
from service.ledger.keys import Caller

LINE = {"date": "2026-03-01", "base": "USD", "quote": "EUR", "rate": "0.9215"}
SENDER = Sender(
    Caller(1, 1, "bank", frozenset({"facts"})),
    datetime(2026, 3, 10, tzinfo=UTC),
    IdentifierReader(b"sixteen bytes ..", None),
)


def test_a_rate_becomes_a_fact() -> None:
    fact = to_rate_fact({**LINE, "base": "usd"}, 2, SENDER)
    assert json.loads(fact.payload) == {"rate": LINE}
    assert (fact.type, fact.fact_id, fact.subject) == ("rate", "", "2026-03-01:USD:EUR")
    assert (fact.index, fact.occurred_at) == (2, fact.received_at)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1.0842", "1.0842"),
        (" 1.08420 ", "1.0842"),
        ("007.50", "7.5"),
        ("100", "100"),
        ("100.00", "100"),
        (100, "100"),
        (0.0001, "0.0001"),
        (1e-07, "0.0000001"),
        (0.1, "0.1"),
        ("0.00000000000001", "0.00000000000001"),
    ],
)
def test_the_text_is_exact_and_canonical(value: Any, text: str) -> None:
    assert parse_rate(value) == text


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"rate": "1,0842"}, ("bad_rate", "rate"), id="comma"),
        pytest.param({"rate": "1e3"}, ("bad_rate", "rate"), id="exponent"),
        pytest.param({"rate": "-1"}, ("bad_rate", "rate"), id="negative text"),
        pytest.param({"rate": -1.5}, ("out_of_range", "rate"), id="negative"),
        pytest.param({"rate": 0}, ("out_of_range", "rate"), id="zero"),
        pytest.param({"rate": "0.000"}, ("out_of_range", "rate"), id="zero text"),
        pytest.param({"rate": 10**13}, ("out_of_range", "rate"), id="huge"),
        pytest.param({"rate": float("inf")}, ("wrong_type", "rate"), id="infinite"),
        pytest.param({"rate": "0.000000000000001"}, ("too_many_decimals", "rate"), id="decimals"),
        pytest.param({"rate": True}, ("wrong_type", "rate"), id="true"),
        pytest.param({"base": "XXX"}, ("unknown_currency", "base"), id="base"),
        pytest.param({"quote": "e"}, ("unknown_currency", "quote"), id="quote"),
        pytest.param({"quote": "USD"}, ("same_currency", "quote"), id="same"),
        pytest.param({"date": "yesterday"}, ("bad_date", "date"), id="date"),
        pytest.param({"source": "x"}, ("unknown_field", "source"), id="unknown field"),
    ],
)
def test_what_is_refused(changes: dict[str, Any], expected: tuple[str, str]) -> None:
    with pytest.raises(Refusal) as caught:
        to_rate_fact({**LINE, **changes}, 0, SENDER)
    assert (caught.value.code, caught.value.field) == expected


def test_two_rates_of_one_day_cannot_both_hold() -> None:
    batch = collect_rates([LINE, LINE, {**LINE, "rate": "0.9300"}], SENDER, 32_768)
    assert [fact.index for fact in batch.facts] == [0, 1]
    assert [(r.index, r.code) for r in batch.refused] == [(2, "duplicate_line")]


@given(st.decimals("0.00000000000001", "1000000", places=14))
def test_no_digit_is_lost_and_the_canonical_text_stays(rate: Decimal) -> None:
    text = parse_rate(f"{rate:f}")
    assert Decimal(text) == rate
    assert parse_rate(text) == text
