"""Money is an integer number of minor units and an ISO 4217 currency; one function splits it.

No amount is ever a float between the parser and the writer. A float that a JSON parser made of a
number is read through its shortest text, so 99.5 is 99.50 and not 99.4999…; a number on its way
into JSON becomes a float only at the last step (`to_number`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from service.kit.currencies import minor_digits, parse_currency
from service.kit.errors import Refusal

LARGEST_MINOR = 10**15
"""Largest amount accepted, in minor units, either sign. Up to here a JSON number is exact."""

COUNT_UNIT = 1_000_000
"""One conversion, in the integer millionths that counts are kept in."""

_COUNT_DIGITS = 6
_LONGEST_TEXT = 40
_PLAIN_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in the minor units of its currency; negative for refunds.

    Raises:
        Refusal: `unknown_currency`.
        TypeError: the amount is not an int.
        ValueError: adding amounts of two currencies.
    """

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if type(self.minor) is not int:
            raise TypeError("minor units are an int; parse_amount reads everything else")
        minor_digits(self.currency)

    @classmethod
    def parse(cls, amount: object, currency: object, field: str = "amount") -> "Money":
        """Money from what a source sent; see parse_amount and parse_currency for the refusals."""
        code = parse_currency(currency)
        return cls(parse_amount(amount, code, field), code)

    def __add__(self, other: "Money") -> "Money":
        if self.currency != other.currency:
            raise ValueError(f"cannot add {other.currency} to {self.currency} without a rate")
        return Money(self.minor + other.minor, self.currency)

    def __neg__(self) -> "Money":
        return Money(-self.minor, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        return self + -other

    def __str__(self) -> str:
        return f"{to_text(self.minor, self.currency)} {self.currency}"

    def allocate(self, weights: Sequence[int]) -> list["Money"]:
        """Parts in proportion to the weights that add up to this amount; see `allocate`."""
        return [Money(part, self.currency) for part in allocate(self.minor, weights)]


def parse_amount(value: object, currency: str, field: str = "amount") -> int:
    """Minor units of an amount written in the currency's main unit.

    Args:
        value: text such as "1200.00" (a point, no thousands separators, no exponent), an int, a
            Decimal, or the float a JSON parser made of a number, read through its shortest text.
        currency: ISO 4217 code in capitals.
        field: path of the value, for the refusal.
    Raises:
        Refusal: `unknown_currency`; `bad_amount` (not a number, NaN, infinity, true or false);
            `too_many_decimals` (more than the currency has, trailing zeros aside);
            `amount_out_of_range` (beyond LARGEST_MINOR).
    """
    digits = minor_digits(currency)
    amount = _read_decimal(value, field)
    if not amount:
        return 0
    # The exponent is looked at first: 1E+999999 and 1E-999999 must not become a million digits.
    if amount.adjusted() + digits > len(str(LARGEST_MINOR)):
        raise _out_of_range(field, currency)
    if amount.adjusted() < -_LONGEST_TEXT:
        raise _too_many_decimals(field, currency, digits)
    numerator, denominator = amount.as_integer_ratio()
    minor, rest = divmod(numerator * _scale(digits), denominator)
    if rest:
        raise _too_many_decimals(field, currency, digits)
    if abs(minor) > LARGEST_MINOR:
        raise _out_of_range(field, currency)
    return minor


def _read_decimal(value: object, field: str) -> Decimal:
    if isinstance(value, str):
        text = value.strip()
        if len(text) <= _LONGEST_TEXT and _PLAIN_NUMBER.fullmatch(text):
            return Decimal(text)
        raise _bad_amount(field, repr(text[:_LONGEST_TEXT]))
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise _bad_amount(field, f"a value of type {type(value).__name__}")
    # float.__repr__ and not repr: a NumPy float64 is a float too and prints its type's name.
    amount = Decimal(float.__repr__(value)) if isinstance(value, float) else Decimal(value)
    if not amount.is_finite():
        raise _bad_amount(field, str(amount))
    return amount


def _bad_amount(field: str, shown: str) -> Refusal:
    return Refusal("bad_amount", field, f"{shown} is not an amount; write it like 1200.00")


def _too_many_decimals(field: str, currency: str, digits: int) -> Refusal:
    return Refusal(
        "too_many_decimals",
        field,
        f"{currency} has {digits} decimals and the amount has more; round it before sending",
    )


def _out_of_range(field: str, currency: str) -> Refusal:
    return Refusal(
        "amount_out_of_range",
        field,
        f"the amount is beyond ±{to_text(LARGEST_MINOR, currency)} {currency}; check its unit",
    )


def to_decimal(minor: int, currency: str) -> Decimal:
    """The amount in the currency's main unit, exact at any size, with the currency's decimals."""
    return Decimal(to_text(minor, currency))


def to_text(minor: int, currency: str) -> str:
    """The amount with the currency's decimals and a point: 120000 EUR is "1200.00"."""
    digits = minor_digits(currency)
    if digits == 0:
        return str(minor)
    whole, part = divmod(abs(minor), _scale(digits))
    return f"{'-' if minor < 0 else ''}{whole}.{part:0{digits}d}"


def to_number(minor: int, currency: str) -> int | float:
    """The amount as a JSON number with at most the currency's decimals: 123450 EUR is 1234.5.

    Its text is exact up to LARGEST_MINOR; beyond that the last decimals are those of the nearest
    double, as in every JSON reader.
    """
    return _number(minor, minor_digits(currency))


def count_to_number(millionths: int) -> int | float:
    """A count of conversions kept in millionths as a JSON number with at most six decimals."""
    return _number(millionths, _COUNT_DIGITS)


def _number(units: int, digits: int) -> int | float:
    """units / 10**digits; the division is correctly rounded, so repr gives the decimal back."""
    whole, part = divmod(units, _scale(digits))
    return units / _scale(digits) if part else whole


def _scale(digits: int) -> int:
    """Minor units in one main unit."""
    return int(10**digits)


def allocate(total: int, weights: Sequence[int]) -> list[int]:
    """Split an integer in proportion to weights so that the parts add up to it (largest remainder).

    Every part is rounded down, then the units left over go one each to the largest remainders;
    equal remainders are served from the front. A negative total is the mirror of its positive.

    Args:
        total: minor units or millionths, either sign, any size.
        weights: integers >= 0, not all zero. A weight of 0 gets 0.
    Raises:
        ValueError: no weights, all of them zero, or one below zero.
    """
    weight_sum = sum(weights)
    if weight_sum <= 0 or min(weights) < 0:
        raise ValueError("allocate needs weights of zero or more, at least one above zero")
    sign = -1 if total < 0 else 1
    shares = [divmod(abs(total) * weight, weight_sum) for weight in weights]
    parts = [part for part, _ in shares]
    leftover = abs(total) - sum(parts)
    for index in sorted(range(len(parts)), key=lambda index: -shares[index][1])[:leftover]:
        parts[index] += 1
    return [sign * part for part in parts]
