"""Exchange rates: posted ones first, then the bundled European Central Bank history.

A day without a rate takes the latest of the days before it, up to a limit; without any the amount
has no rate, which is said and never taken as 1.
"""

from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import duckdb
import pyarrow as pa

from service.kit.currencies import minor_digits

PIVOT = "EUR"
FACTOR = pa.decimal128(20, 14)
FACTOR_STEP = Decimal("1E-14")
LARGEST_FACTOR = Decimal(10) ** 6


@cache
def _central_bank() -> Any:
    from currency_converter import CurrencyConverter

    return CurrencyConverter(decimal=True)


class RateBook:
    """Rates as known to one state of the mart."""

    def __init__(self, mart: duckdb.DuckDBPyConnection, max_age_days: int) -> None:
        rows = mart.execute("SELECT day, base, quote, rate FROM rates").fetchall()
        self._posted = {(b, q, date.fromisoformat(d)): Decimal(r) for d, b, q, r in rows}
        self._pairs = {(b, q) for b, q, _ in self._posted}
        self._max_age = max_age_days

    def rate(self, day: date, base: str, quote: str) -> Decimal | None:
        """Units of quote for one unit of base on that day, or None.

        A posted rate of the pair wins over one through the euro, which wins over none; the
        inverse of a posted pair counts as posted.
        """
        if base == quote:
            return Decimal(1)
        direct = self._leg(day, base, quote)
        if direct is not None or PIVOT in (base, quote):
            return direct
        first, second = self._leg(day, base, PIVOT), self._leg(day, PIVOT, quote)
        return None if first is None or second is None else first * second

    def _leg(self, day: date, base: str, quote: str) -> Decimal | None:
        posted = (base, quote) in self._pairs or (quote, base) in self._pairs
        for age in range(self._max_age + 1):
            on = day - timedelta(days=age)
            if posted:
                if (rate := self._posted.get((base, quote, on))) is not None:
                    return rate
                if (rate := self._posted.get((quote, base, on))) is not None:
                    return 1 / rate
            if (rate := _official(on, base, quote)) is not None:
                return rate
        return None


@cache
def _official(on: date, base: str, quote: str) -> Decimal | None:
    from currency_converter import RateNotFoundError

    if PIVOT not in (base, quote):
        return None
    try:
        return Decimal(_central_bank().convert(Decimal(1), base, quote, date=on))
    except (RateNotFoundError, ValueError):
        return None


def prepare_factors(mart: duckdb.DuckDBPyConnection, currency: str, max_age_days: int) -> None:
    """Leave the temporary table `factors(currency, rate_day, factor)`: minor units of `currency`
    for one minor unit of each currency and day that the mart holds and that has a rate."""
    wanted = mart.execute(
        "SELECT currency, rate_day FROM conversion_amounts WHERE currency <> $c "
        "UNION SELECT currency, day FROM spend WHERE currency <> $c "
        "UNION SELECT c.cost_currency, a.rate_day FROM conversions AS c "
        "JOIN conversion_amounts AS a ON a.conversion_key = c.conversion_key "
        "WHERE c.cost_currency <> $c",
        {"c": currency},
    ).fetchall()
    rows: list[dict[str, Any]] = []
    if wanted:
        book = RateBook(mart, max_age_days)
        for other, day in wanted:
            rate = book.rate(date.fromisoformat(day), other, currency)
            if rate is None:
                continue
            factor = rate * Decimal(10) ** (minor_digits(currency) - minor_digits(other))
            if factor < LARGEST_FACTOR:
                rows.append(
                    {"currency": other, "rate_day": day, "factor": factor.quantize(FACTOR_STEP)}
                )
    schema = pa.schema([("currency", pa.string()), ("rate_day", pa.string()), ("factor", FACTOR)])
    mart.register("new_factors", pa.Table.from_pylist(rows, schema))
    mart.execute("CREATE OR REPLACE TEMP TABLE factors AS SELECT * FROM new_factors")
    mart.unregister("new_factors")


def converted(amount: str, currency: str) -> str:
    """SQL of an amount column in the reporting currency `$currency`, rounded half away from zero;
    NULL where there is no rate. The statement joins `factors` as `f` on the currency and the amount's day."""
    return (
        f"CASE WHEN {amount} IS NULL THEN NULL WHEN {currency} = $currency THEN {amount} ELSE "
        f"CAST(ROUND(CAST({amount} AS DECIMAL(18, 0)) * f.factor, 0) AS BIGINT) END"
    )
