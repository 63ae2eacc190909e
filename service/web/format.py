"""Numbers, money and moments as text for people, by Babel.

Nothing is computed here but roundings for show: the exact number stands beside the rounded one,
in the `value` of its <data> element and in its title. Undefined is an en dash, never 0.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import (
    format_compact_currency,
    format_compact_decimal,
    format_currency,
    format_decimal,
    format_percent,
)

NOTHING = "\N{EN DASH}"
WHOLE_FROM = Decimal(1000)

Number = int | float | Decimal


def exact(value: Number | None) -> Decimal | None:
    """The decimal number that a JSON number was written as; None stays None."""
    if value is None:
        return None
    return value if isinstance(value, Decimal) else Decimal(str(value))


def exact_sum(values: list[Number | None]) -> Decimal:
    """The sum in decimals, so that cents add up to cents; None counts as nothing."""
    return sum((number for value in values if (number := exact(value)) is not None), Decimal(0))


@dataclass(frozen=True)
class Formatter:
    """One reader's conventions.

    Attributes:
        currency: ISO 4217 code of the report.
        zone: the zone in which days and clock times are shown.
        locale: a Babel locale identifier.
    """

    currency: str
    zone: ZoneInfo
    locale: str = "en_GB"

    def money(
        self, value: Number | None, currency: str | None = None, places: int | None = None
    ) -> str:
        """€1,234.50, with the currency's own decimals unless `places` is 0."""
        number = exact(value)
        if number is None:
            return NOTHING
        code = currency or self.currency
        if places == 0:
            text = format_currency(number, code, "¤#,##0", self.locale, currency_digits=False)
        else:
            text = format_currency(number, code, locale=self.locale)
        # Babel puts a code and a number together without the space that belongs there.
        return _minus(re.sub(r"(?<=[A-Za-z])(?=\d)", "\u00a0", text))

    def round_money(self, value: Number | None, currency: str | None = None) -> str:
        """Whole units from a thousand upwards (€1,235) and for nothing (€0), else €12.50."""
        number = exact(value)
        whole = number is not None and (abs(number) >= WHOLE_FROM or number == 0)
        return self.money(number, currency, 0 if whole else None)

    def short_money(self, value: Number | None, currency: str | None = None) -> str:
        """Compact from ten millions upwards: €12.4M."""
        number = exact(value)
        if number is None or abs(number) < 10_000_000:
            return self.round_money(number, currency)
        return _minus(
            format_compact_currency(
                number, currency or self.currency, locale=self.locale, fraction_digits=1
            )
        )

    def count(self, value: Number | None, places: int | None = None) -> str:
        """A count or a sum of credits; `places` fixes the decimals, else at most two are shown."""
        number = exact(value)
        if number is None:
            return NOTHING
        pattern = "#,##0.##" if places is None else "#,##0" + ("." + "0" * places) * bool(places)
        return _minus(format_decimal(number, pattern, locale=self.locale))

    def short_count(self, value: Number | None) -> str:
        """Compact from ten millions upwards: 12.4M."""
        number = exact(value)
        if number is None or abs(number) < 10_000_000:
            return self.count(number)
        return _minus(format_compact_decimal(number, locale=self.locale, fraction_digits=1))

    def percent(self, value: Number | None, places: int = 0) -> str:
        """0.31 as 31 %; the sign of a negative share is a true minus."""
        number = exact(value)
        if number is None:
            return NOTHING
        pattern = "#,##0" + ("." + "0" * places) * bool(places) + "%"
        return _minus(format_percent(number, pattern, locale=self.locale)).replace("%", "\u00a0%")

    def ratio(self, value: Number | None) -> str:
        """4.2 as 4.20 and a multiplication sign."""
        number = exact(value)
        return NOTHING if number is None else self.count(number, 2) + "\N{MULTIPLICATION SIGN}"

    def show(self, kind: str, value: Number | None) -> str:
        """By the kind of a metric: money, count, percent or ratio."""
        if kind == "money":
            return self.round_money(value)
        if kind == "percent":
            return self.percent(value)
        if kind == "ratio":
            return self.ratio(value)
        return self.count(value)

    def full(self, kind: str, value: Number | None) -> str:
        """Every digit there is, for titles."""
        if kind == "money":
            return self.money(value)
        if kind == "percent":
            return self.percent(value, 2)
        if kind == "count":
            number = exact(value)
            return NOTHING if number is None else format_decimal(number, "#,##0.######", "en_GB")
        return self.show(kind, value)

    def day(self, value: date) -> str:
        return format_date(value, "d MMM y", locale=self.locale)

    def days(self, first: date, last: date) -> str:
        """An inclusive span of days, without repeating what both ends share."""
        if first == last:
            return self.day(first)
        pattern = "d MMM y"
        if first.year == last.year:
            pattern = "d" if first.month == last.month else "d MMM"
        return f"{format_date(first, pattern, locale=self.locale)} {NOTHING} {self.day(last)}"

    def moment(self, value: datetime | str | None) -> str:
        """Day and clock time in the report's zone."""
        moment = _aware(value)
        if moment is None:
            return NOTHING
        return format_datetime(moment.astimezone(self.zone), "d MMM y, HH:mm", locale=self.locale)

    def local_day(self, value: datetime | str | None) -> str:
        moment = _aware(value)
        return NOTHING if moment is None else self.day(moment.astimezone(self.zone).date())

    def ago(self, value: datetime | str | None, now: datetime) -> str:
        """How long before `now`: 3 minutes ago."""
        moment = _aware(value)
        if moment is None:
            return NOTHING
        return str(
            format_timedelta(moment - now, add_direction=True, threshold=1.5, locale=self.locale)
        )

    def span(self, value: timedelta) -> str:
        return str(format_timedelta(value, threshold=1.5, locale=self.locale))


def _aware(value: datetime | str | None) -> datetime | None:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


def _minus(text: Any) -> str:
    return str(text).replace("-", "\u2212")
