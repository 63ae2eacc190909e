"""What the reader has chosen, kept in the address so that it can be shared, and nothing else.

The dashboard names whole days, both included (`start`, `end`); the API names half-open periods.
This file is the only place where one becomes the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from service.kit.errors import Refusal

PERIODS = {
    "today": "Today",
    "yesterday": "Yesterday",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "90d": "Last 90 days",
    "month": "Month to date",
    "last_month": "Last month",
    "year": "Year to date",
    "12m": "Last 12 months",
    "custom": "Custom days",
}
COMPARES = {
    "previous": "Previous period",
    "year": "Same days a year before",
    "none": "No comparison",
}
_CHOICES = {"period": PERIODS, "compare": COMPARES}
_LONGEST = 400
_NAMES = ("campaign", "channel", "cell")
_LONGEST_NAME = 2_100
"""A name has 1,000 letters at most; in a cell a comma is written with two."""


@dataclass(frozen=True)
class Usual:
    """What the published configuration asks for where the address says nothing."""

    model: str = "position_based"
    lookback: str = "90d"


@dataclass(frozen=True)
class State:
    """The bar of choices; each field but `usual` is a parameter of the address, left out at its
    default. Those of `model` and `lookback` are the usual ones."""

    period: str = "30d"
    start: str = ""
    end: str = ""
    compare: str = "previous"
    model: str = "position_based"
    conversion: str = "won"
    lookback: str = "90d"
    basis: str = "conversion"
    scope: str = "person"
    include: str = ""
    currency: str = ""
    as_of: str = ""
    since: str = ""
    cause: str = ""
    sort: str = ""
    columns: str = ""
    metric: str = "money"
    campaign: str = ""
    channel: str = ""
    cell: str = ""
    measure: str = ""
    search: str = ""
    cursor: str = ""
    usual: Usual = Usual()

    @classmethod
    def read(
        cls,
        query: Mapping[str, str],
        multi: Mapping[str, list[str]],
        usual: Usual = Usual(),
    ) -> "State":
        """From the address; unknown parameters are left out.

        Args:
            query: the last value of each parameter.
            multi: all values of each parameter, for the ticked columns.
            usual: the defaults of the published configuration.

        Raises:
            Refusal: a value that is too long, or a choice that does not exist.
        """
        given: dict[str, Any] = {}
        for name in defaults_under(usual):
            value = query.get(name, "").strip()
            if name == "columns":
                value = ",".join(multi.get("columns", []))
            if not value:
                continue
            longest = _LONGEST_NAME if name in _NAMES else _LONGEST
            if len(value) > longest:
                raise Refusal("too_long", name, f"`{name}` is longer than {longest} letters")
            choices = _CHOICES.get(name)
            if choices is not None and value not in choices:
                names = ", ".join(choices)
                raise Refusal(f"bad_{name}", name, f"`{name}` is one of {names}")
            given[name] = value
        state = replace(cls(model=usual.model, lookback=usual.lookback, usual=usual), **given)
        if state.period != "custom" and (state.start or state.end) and "period" not in given:
            state = replace(state, period="custom")
        return state if state.period == "custom" else replace(state, start="", end="")

    def days(self, today: date) -> tuple[date, date]:
        """First and last day, both included.

        Raises:
            Refusal: days that are no dates, or in the wrong order.
        """
        if self.period == "custom":
            last = _date("end", self.end, today)
            first = _date("start", self.start, last - timedelta(days=29))
            if first > last:
                raise Refusal("empty_period", "start", "the first day must not lie after the last")
            return first, last
        return _preset(self.period, today)

    def before(self, first: date, last: date) -> tuple[date, date] | None:
        """The days to compare with, both included; None when nothing is compared."""
        if self.compare == "none":
            return None
        if self.compare == "year":
            return _year_before(first), _year_before(last)
        length = (last - first).days + 1
        return first - timedelta(days=length), first - timedelta(days=1)

    def params(self, **changes: Any) -> dict[str, str]:
        """The parameters of the address with some changed, defaults left out."""
        state = replace(self, **changes) if changes else self
        return {
            name: value
            for name, default in defaults_under(self.usual).items()
            if (value := getattr(state, name)) != default
        }

    def page(self, path: str, **changes: str) -> str:
        """Another page of this dashboard for the same question, with some choices changed: what
        chooses inside this page stays behind."""
        return self.url(path, **{name: _BUILT_IN[name] for name in OWN} | changes)

    def url(self, path: str, **changes: str) -> str:
        """An address of this dashboard that keeps the choices, with some changed."""
        query = urlencode(self.params(**changes))
        return f"{path}?{query}" if query else path


_BUILT_IN = {field.name: str(field.default) for field in fields(State) if field.name != "usual"}


def defaults_under(usual: Usual) -> dict[str, str]:
    """Every parameter of the address with the value at which it is left out."""
    return _BUILT_IN | {"model": usual.model, "lookback": usual.lookback}


OWN = (
    *("sort", "columns", "metric", "campaign", "channel", "cell", "measure", "search", "cursor"),
    *("since", "cause"),
)
"""What chooses inside one page, and says nothing on another."""


def question_params(
    state: State, days: tuple[date, date], zone: ZoneInfo, **extra: str
) -> dict[str, str]:
    """The common query of the read API for whole days, both included."""
    params = {
        "from": days[0].isoformat(),
        "to": (days[1] + timedelta(days=1)).isoformat(),
        "tz": zone.key,
        "conversion": state.conversion,
        "model": state.model,
        "lookback": state.lookback,
        "basis": state.basis,
        "scope": state.scope,
    }
    for name in ("currency", "include"):
        if value := getattr(state, name):
            params[name] = value
    if state.as_of:
        params["as_of"] = moment_text("as_of", state.as_of, zone)
    return params | extra


def moment_text(name: str, text: str, zone: ZoneInfo) -> str:
    """A watermark as it is; a moment as the API reads it: without an offset it is one of the zone.

    Raises: Refusal: neither a number nor a moment.
    """
    if text.isascii() and text.isdigit():
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        detail = f"`{name}` must be a moment like 2026-03-01T09:00, or a watermark"
        raise Refusal("bad_moment", name, detail) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).isoformat()


def today_in(zone: ZoneInfo, now: datetime) -> date:
    """The day it is in a zone."""
    return now.astimezone(zone).date()


def _date(name: str, text: str, default: date) -> date:
    if not text:
        return default
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise Refusal("bad_date", name, f"`{name}` must be a day like 2026-03-01") from error
    if not 1990 <= day.year <= 2200:
        raise Refusal("bad_date", name, f"`{name}` must lie between 1990 and 2200")
    return day


def _preset(period: str, today: date) -> tuple[date, date]:
    first_of_month = today.replace(day=1)
    if period == "yesterday":
        return today - timedelta(days=1), today - timedelta(days=1)
    if period == "month":
        return first_of_month, today
    if period == "last_month":
        last = first_of_month - timedelta(days=1)
        return last.replace(day=1), last
    if period == "year":
        return today.replace(month=1, day=1), today
    if period == "12m":
        return _year_before(today) + timedelta(days=1), today
    length = {"today": 1, "7d": 7, "30d": 30, "90d": 90}[period]
    return today - timedelta(days=length - 1), today


def _year_before(day: date) -> date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        # 29 February has no namesake a year before.
        return day.replace(year=day.year - 1, day=28)
