"""The demo year: 365 days that end before `until`, with weeks, growth and holidays.

Inside the generator a moment is a whole number of seconds since the first midnight (UTC) of the
year and a day is its index from 0; both become dates only when a fact is written. A moment at or
after the end of the year has not happened yet, and the book refuses it there, in one place.
"""

import random
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import accumulate
from typing import Literal

DAYS = 365
DAY = 86_400
LENGTH = DAYS * DAY

Audience = Literal["companies", "shoppers"]
Season = Literal["steady", "rising", "until_spring", "black_friday"]

# Monday first. Offices stop at the weekend, private buyers do not.
_WEEK: dict[Audience, tuple[float, ...]] = {
    "companies": (1.10, 1.22, 1.18, 1.12, 0.90, 0.32, 0.38),
    "shoppers": (0.95, 0.92, 0.94, 0.98, 0.95, 1.10, 1.22),
}
_HOURS: dict[Audience, tuple[int, ...]] = {
    "companies": (0, 0, 0, 0, 0, 1, 3, 7, 10, 11, 11, 9, 7, 9, 10, 9, 7, 5, 3, 2, 2, 1, 1, 0),
    "shoppers": (1, 1, 0, 0, 0, 1, 3, 4, 5, 5, 6, 6, 7, 6, 6, 6, 6, 7, 8, 10, 11, 9, 5, 2),
}
_CUMULATIVE_HOURS = {audience: list(accumulate(hours)) for audience, hours in _HOURS.items()}
_SPRING = range(3, 6)


@dataclass(frozen=True)
class Year:
    """The half-open year `[until - 365 days, until)`; `until` is a UTC date."""

    until: date

    @cached_property
    def start(self) -> date:
        return self.until - timedelta(days=DAYS)

    @cached_property
    def dates(self) -> tuple[str, ...]:
        """ISO dates of all days, first to last."""
        return tuple(self.date_of(day).isoformat() for day in range(DAYS))

    def date_of(self, day: int) -> date:
        """The date of a day index; negative and later indexes are allowed."""
        return self.start + timedelta(days=day)

    def stamp(self, second: int) -> str:
        """ISO 8601 UTC with a trailing Z of a moment inside the year."""
        day, rest = divmod(second, DAY)
        hour, rest = divmod(rest, 3_600)
        minute, rest = divmod(rest, 60)
        return f"{self.dates[day]}T{hour:02d}:{minute:02d}:{rest:02d}Z"

    def working_day(self, day: int) -> int:
        """The day itself, or the Monday after it when it falls on a weekend."""
        weekday = self.date_of(day).weekday()
        return day + 7 - weekday if weekday >= 5 else day

    @cached_property
    def spring_stop(self) -> int:
        """The spring day farthest from both ends of the year (never nearer than six weeks).

        A fixed date would fall on the edge of the year for some `until`, and a channel that
        stopped yesterday, or before it began, shows nothing.
        """
        spring = [day for day in range(DAYS) if self.date_of(day).month in _SPRING]
        return max(spring, key=lambda day: min(day, DAYS - day))

    @cached_property
    def closing(self) -> int:
        """The first day after the last month that has had a week since for its corrections."""
        return max(day for day in range(DAYS - 6) if self.date_of(day).day == 1)

    def weight(self, day: int, audience: Audience, season: Season) -> float:
        """Relative number of visits on a day: week x growth x holidays x season (no unit)."""
        when = self.date_of(day)
        grown = 0.78 + 0.44 * day / DAYS
        weight = _WEEK[audience][when.weekday()] * grown * _holiday(when, audience)
        if season == "rising":
            return weight * (0.1 + 2.4 * day / DAYS)
        if season == "until_spring":
            return weight if day < self.spring_stop else 0.0
        if season == "black_friday":
            return weight if is_black_friday(when) else 0.0
        return weight


def is_holiday(when: date) -> bool:
    """The quiet days from 22 December to 2 January."""
    return (when.month == 12 and when.day >= 22) or (when.month == 1 and when.day <= 2)


def is_black_friday(when: date) -> bool:
    """The sale of late November."""
    return when.month == 11 and when.day >= 17


def _holiday(when: date, audience: Audience) -> float:
    if audience == "shoppers":
        if is_black_friday(when) or (when.month == 12 and when.day <= 19):
            return 1.5
        return 0.6 if is_holiday(when) else 1.0
    if is_holiday(when):
        return 0.3
    return 0.84 if when.month == 8 else 1.0


class Rhythm:
    """Random moments that follow the year's weights; one per part of the generator."""

    def __init__(self, year: Year, rng: random.Random) -> None:
        self._year = year
        self._rng = rng
        self._days = range(DAYS)
        self._cumulative: dict[tuple[Audience, Season], list[float]] = {}

    def day(self, audience: Audience, season: Season = "steady") -> int:
        key = (audience, season)
        if key not in self._cumulative:
            weights = (self._year.weight(day, audience, season) for day in self._days)
            self._cumulative[key] = list(accumulate(weights))
        return self._rng.choices(self._days, cum_weights=self._cumulative[key])[0]

    def moments(self, count: int, audience: Audience, season: Season) -> list[int]:
        """That many moments of the year, in order: quotas then spread evenly over the months."""
        return sorted(self.moment(self.day(audience, season), audience) for _ in range(count))

    def moment(self, day: int, audience: Audience) -> int:
        """A second of the day at an hour when this audience is awake."""
        hour = self._rng.choices(range(24), cum_weights=_CUMULATIVE_HOURS[audience])[0]
        return day * DAY + hour * 3_600 + self._rng.randrange(3_600)

    def office(self, day: int) -> int:
        """A second between 08:00 and 17:00 of the day, or of the Monday after a weekend."""
        return self._year.working_day(day) * DAY + self._rng.randrange(8 * 3_600, 17 * 3_600)

    def later(self, second: int, first: float, last: float, audience: Audience) -> int:
        """A moment between `first` and `last` days after `second`, mostly on a usual day."""
        day = second // DAY + max(0, round(self._rng.uniform(first, last)))
        if audience == "companies" and self._rng.random() < 0.8:
            day = self._year.working_day(day)
        chosen = self.moment(day, audience)
        return chosen if chosen > second else second + self._rng.randrange(2_400, 14_400)
