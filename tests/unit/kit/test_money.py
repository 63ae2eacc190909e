"""Money: read exactly, written exactly, split without losing a unit."""

import json
from decimal import Decimal
from fractions import Fraction

import numpy as np
import orjson
import pytest
from babel.numbers import list_currencies
from hypothesis import given, settings
from hypothesis import strategies as st

from service.kit.currencies import MINOR_DIGITS, minor_digits, parse_currency
from service.kit.errors import Refusal
from service.kit.money import (
    LARGEST_MINOR,
    Money,
    allocate,
    count_to_number,
    parse_amount,
    to_decimal,
    to_number,
    to_text,
)

currencies = st.sampled_from(sorted(MINOR_DIGITS))
minors = st.integers(-LARGEST_MINOR, LARGEST_MINOR)


@pytest.mark.parametrize(
    ("value", "currency", "minor"),
    [
        pytest.param("1200.00", "EUR", 120_000, id="text"),
        pytest.param(" 1200.5 ", "EUR", 120_050, id="fewer decimals, spaces around"),
        pytest.param("1200.5000", "EUR", 120_050, id="trailing zeros"),
        pytest.param("-80", "USD", -8_000, id="negative"),
        pytest.param("+.5", "USD", 50, id="sign and no whole part"),
        pytest.param("5.", "USD", 500, id="no decimals after the point"),
        pytest.param("-0.00", "USD", 0, id="negative zero"),
        pytest.param(99, "EUR", 9_900, id="int"),
        pytest.param(Decimal("99.50"), "EUR", 9_950, id="Decimal"),
        pytest.param(Decimal("1E+3"), "EUR", 100_000, id="Decimal with exponent"),
        pytest.param(Decimal("0E+999999"), "EUR", 0, id="zero with a huge exponent"),
        pytest.param(99.5, "EUR", 9_950, id="float"),
        pytest.param(0.07, "EUR", 7, id="float that is no binary fraction"),
        pytest.param(1.1, "EUR", 110, id="float whose exact value has 52 decimals"),
        pytest.param(1e13, "EUR", LARGEST_MINOR, id="float written with exponent by repr"),
        pytest.param(np.float64(99.5), "EUR", 9_950, id="NumPy float"),
        pytest.param("500", "JPY", 500, id="no decimals in JPY"),
        pytest.param("500.0", "JPY", 500, id="trailing zero in JPY"),
        pytest.param("1.234", "KWD", 1_234, id="three decimals in KWD"),
        pytest.param("1.2345", "CLF", 12_345, id="four decimals in CLF"),
        pytest.param("12.50", "RSD", 1_250, id="RSD has two decimals, CLDR says none"),
        pytest.param("0.125", "IQD", 125, id="IQD has three decimals, CLDR says none"),
    ],
)
def test_amounts_are_read_exactly(value: object, currency: str, minor: int) -> None:
    assert parse_amount(value, currency) == minor


@pytest.mark.parametrize(
    ("value", "currency", "code"),
    [
        pytest.param("1200.005", "EUR", "too_many_decimals", id="three decimals in EUR"),
        pytest.param("0.5", "JPY", "too_many_decimals", id="half a yen"),
        pytest.param(0.1 + 0.2, "EUR", "too_many_decimals", id="float with rounding noise"),
        pytest.param(1e-7, "EUR", "too_many_decimals", id="tiny float"),
        pytest.param(Decimal("1E-999999"), "EUR", "too_many_decimals", id="tiny Decimal"),
        pytest.param("10000000000000.01", "EUR", "amount_out_of_range", id="a cent too much"),
        pytest.param(-(10**5000), "EUR", "amount_out_of_range", id="5000 digits"),
        pytest.param(1e300, "EUR", "amount_out_of_range", id="huge float"),
        pytest.param(Decimal("1E+999999"), "EUR", "amount_out_of_range", id="huge Decimal"),
        pytest.param("1,200.00", "EUR", "bad_amount", id="thousands separator"),
        pytest.param("1200,00", "EUR", "bad_amount", id="decimal comma"),
        pytest.param("1e3", "EUR", "bad_amount", id="exponent in text"),
        pytest.param("١٢", "EUR", "bad_amount", id="Arabic digits"),
        pytest.param("0x10", "EUR", "bad_amount", id="hexadecimal"),
        pytest.param("1_000", "EUR", "bad_amount", id="underscore"),
        pytest.param("", "EUR", "bad_amount", id="empty"),
        pytest.param(".", "EUR", "bad_amount", id="only a point"),
        pytest.param("0" * 41, "EUR", "bad_amount", id="text too long"),
        pytest.param("NaN", "EUR", "bad_amount", id="NaN as text"),
        pytest.param(float("nan"), "EUR", "bad_amount", id="NaN"),
        pytest.param(float("-inf"), "EUR", "bad_amount", id="infinity"),
        pytest.param(Decimal("sNaN"), "EUR", "bad_amount", id="signalling NaN"),
        pytest.param(True, "EUR", "bad_amount", id="true"),
        pytest.param(None, "EUR", "bad_amount", id="null"),
        pytest.param(["1"], "EUR", "bad_amount", id="list"),
        pytest.param("1", "EURO", "unknown_currency", id="not a code"),
        pytest.param("1", "XXX", "unknown_currency", id="no currency"),
        pytest.param("1", "XAU", "unknown_currency", id="gold has no minor unit"),
    ],
)
def test_bad_amounts_are_refused_by_name(value: object, currency: str, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        parse_amount(value, currency, field="deal.amount")
    assert refused.value.code == code
    assert refused.value.field == ("currency" if code == "unknown_currency" else "deal.amount")
    assert len(refused.value.detail) < 200


@settings(deadline=None)
@given(minors, currencies)
def test_an_amount_survives_every_way_out_and_in_again(minor: int, currency: str) -> None:
    assert parse_amount(to_text(minor, currency), currency) == minor
    assert parse_amount(to_decimal(minor, currency), currency) == minor
    number = to_number(minor, currency)
    assert parse_amount(orjson.loads(orjson.dumps(number)), currency) == minor
    assert parse_amount(json.loads(json.dumps(number)), currency) == minor


@settings(deadline=None)
@given(minors, currencies)
def test_a_json_number_has_at_most_the_currencys_decimals(minor: int, currency: str) -> None:
    written = Decimal(orjson.dumps(to_number(minor, currency)).decode())
    exponent = written.as_tuple().exponent
    assert isinstance(exponent, int)
    assert -exponent <= minor_digits(currency)
    assert Fraction(written) == Fraction(minor, 10 ** minor_digits(currency))


def test_whole_amounts_are_whole_json_numbers() -> None:
    assert (
        orjson.dumps([to_number(123_450, "EUR"), to_number(-100_000, "EUR")]) == b"[1234.5,-1000]"
    )
    assert orjson.dumps(to_number(0, "EUR")) == b"0"


def test_text_keeps_the_currencys_decimals() -> None:
    assert to_text(120_000, "EUR") == "1200.00"
    assert to_text(-5, "EUR") == "-0.05"
    assert to_text(-5, "JPY") == "-5"
    assert to_text(5, "KWD") == "0.005"
    assert to_decimal(10**20 + 1, "EUR") == Decimal("1000000000000000000.01")


def test_counts_are_written_with_at_most_six_decimals() -> None:
    assert orjson.dumps(count_to_number(12_500_000)) == b"12.5"
    assert orjson.dumps(count_to_number(333_333)) == b"0.333333"
    assert orjson.dumps(count_to_number(40_000_000)) == b"40"


def test_currencies_are_those_of_iso_4217() -> None:
    assert {"EUR", "USD", "RUB", "ZWG", "XCG", "BGN", "HRK"} <= set(MINOR_DIGITS)
    assert not {"XXX", "XTS", "XAU", "XDR", "EEK", "DEM", "BTC"} & set(MINOR_DIGITS)
    assert all(len(code) == 3 and code.isupper() for code in MINOR_DIGITS)
    # Babel knows every code ever used, so a code it does not know is a slip of the pen.
    assert set(MINOR_DIGITS) <= set(list_currencies())


def test_a_currency_is_read_in_any_case() -> None:
    assert parse_currency(" eur ") == "EUR"
    for value in ("EU", "€", "", None, 978):
        with pytest.raises(Refusal, match="not an ISO 4217 currency"):
            parse_currency(value)


def test_money_adds_only_its_own_currency() -> None:
    price, refund = Money.parse("12.50", "eur"), Money.parse(-2.5, "EUR")
    assert price + refund == Money(1_000, "EUR")
    assert price - refund == Money(1_500, "EUR")
    assert str(-price) == "-12.50 EUR"
    with pytest.raises(ValueError, match="without a rate"):
        price + Money(1, "USD")
    with pytest.raises(TypeError):
        Money(12.5, "EUR")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        Money(True, "EUR")
    with pytest.raises(Refusal):
        Money(1, "eur")
    assert Money(100, "EUR").allocate([1, 1, 1]) == [
        Money(34, "EUR"),
        Money(33, "EUR"),
        Money(33, "EUR"),
    ]


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        pytest.param(100, [1, 1, 1], [34, 33, 33], id="the unit left over goes to the front"),
        pytest.param(-100, [1, 1, 1], [-34, -33, -33], id="a refund is the mirror of the sale"),
        pytest.param(100, [1, 2, 3], [17, 33, 50], id="largest remainder, not the front"),
        pytest.param(10, [1, 1, 1, 1], [3, 3, 2, 2], id="two units left over"),
        pytest.param(2, [0, 1, 0, 1, 1], [0, 1, 0, 1, 0], id="a weight of zero gets nothing"),
        pytest.param(0, [3, 4], [0, 0], id="nothing to split"),
        pytest.param(7, [5], [7], id="one part"),
        pytest.param(10**30 + 1, [10**40, 10**40], [5 * 10**29 + 1, 5 * 10**29], id="any size"),
    ],
)
def test_allocate(total: int, weights: list[int], parts: list[int]) -> None:
    assert allocate(total, weights) == parts


@pytest.mark.parametrize("weights", [[], [0], [0, 0], [2, -1], [-1]])
def test_allocate_refuses_weights_that_cannot_share(weights: list[int]) -> None:
    with pytest.raises(ValueError, match="at least one above zero"):
        allocate(100, weights)


weight_lists = st.lists(st.integers(0, 10**9), min_size=1, max_size=12).filter(any)


@settings(deadline=None)
@given(st.integers(-(10**18), 10**18), weight_lists)
def test_allocate_adds_up_and_is_never_off_by_a_unit(total: int, weights: list[int]) -> None:
    parts = allocate(total, weights)
    assert sum(parts) == total
    assert parts == [-part for part in allocate(-total, weights)]
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1


@settings(deadline=None)
@given(st.integers(0, 10**12), weight_lists, st.integers(1, 1000))
def test_allocate_depends_on_proportions_only(total: int, weights: list[int], scale: int) -> None:
    assert allocate(total, [weight * scale for weight in weights]) == allocate(total, weights)
