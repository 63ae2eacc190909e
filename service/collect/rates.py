"""Exchange rates: how many units of `quote` one unit of `base` was worth on a day.

Like a spend line, a rate is named by its day and currencies, and the latest statement holds.
"""

import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import orjson
from pydantic import ValidationError

from service.collect.intake import collect
from service.collect.native import Sender
from service.collect.refusals import refusal_of
from service.collect.schemas import Amount, Part, Text
from service.collect.spend import LinesOfRequest, parse_day
from service.kit.currencies import parse_currency
from service.kit.errors import Refusal
from service.kit.time import to_micros
from service.ledger.append import Batch, NewFact

MOST_DECIMALS = 14
"""Decimals of a rate that reports reckon with."""

LARGEST = Decimal(10) ** 12
_PLAIN = re.compile(r"\d{1,20}(?:\.\d{1,40})?")


class RateLine(Part):
    """One line of exchange rates."""

    date: Text
    base: Text
    quote: Text
    rate: Amount


def to_rate_fact(item: Any, index: int, sender: Sender) -> NewFact:
    """The canonical fact of one exchange rate, the rate as decimal text just as exact as it came.

    Raises: Refusal with code, field and what to do.
    """
    if not isinstance(item, dict):
        raise Refusal("not_an_object", "", "a rate is a JSON object with date, base, quote, rate")
    try:
        line = RateLine.model_validate(item)
    except ValidationError as error:
        raise refusal_of(error) from None
    day = parse_day(line.date, sender.received_at)
    base = parse_currency(line.base, "base")
    quote = parse_currency(line.quote, "quote")
    if base == quote:
        raise Refusal("same_currency", "quote", f"{base} is worth 1 {quote}; name two currencies")
    rate = {"date": day, "base": base, "quote": quote, "rate": parse_rate(line.rate)}
    return NewFact(
        source_id=sender.caller.source_id,
        fact_id="",
        type="rate",
        occurred_at=to_micros(sender.received_at),
        received_at=to_micros(sender.received_at),
        payload=orjson.dumps({"rate": rate}, option=orjson.OPT_SORT_KEYS).decode(),
        subject=f"{day}:{base}:{quote}",
        index=index,
    )


def collect_rates(items: Iterable[Any], sender: Sender, max_bytes: int) -> Batch:
    """Read the rates of one request; one that contradicts an earlier one of them is refused."""
    once = LinesOfRequest()
    return collect(
        items, sender, max_bytes, lambda *line: once.check(to_rate_fact(*line)), form="rates"
    )


def parse_rate(value: str | int | float) -> str:
    """Canonical decimal text of a rate: no exponent, no trailing zeros, at most 14 decimals.

    Raises: Refusal `bad_rate`, `out_of_range` or `too_many_decimals`.
    """
    rate = _decimal(value)
    if not 0 < rate <= LARGEST:
        raise Refusal("out_of_range", "rate", "a rate lies above 0 and at most at 10^12")
    whole, _, decimals = f"{rate:f}".partition(".")
    decimals = decimals.rstrip("0")
    if len(decimals) > MOST_DECIMALS:
        raise Refusal(
            "too_many_decimals",
            "rate",
            f"a rate has at most {MOST_DECIMALS} decimals; round it or turn base and quote round",
        )
    return f"{int(whole)}.{decimals}" if decimals else str(int(whole))


def _decimal(value: str | int | float) -> Decimal:
    if isinstance(value, str):
        text = value.strip()
        if not _PLAIN.fullmatch(text):
            raise Refusal("bad_rate", "rate", f"{text[:40]!r} is not a rate; write it like 1.0842")
        return Decimal(text)
    # The shortest text of the float is what the sender wrote; its binary value is not.
    return Decimal(value) if isinstance(value, int) else Decimal(repr(value))
