"""Time: aware UTC inside, half-open periods, and days that exist only in a time zone."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from service.kit.errors import Refusal

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
_DURATION = re.compile(r"(\d{1,6})([wdhms])")
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


def to_micros(moment: datetime) -> int:
    """Microseconds since 1970-01-01T00:00Z; raises ValueError for a naive datetime."""
    if moment.tzinfo is None:
        raise ValueError("a moment without a time zone has no place on the time line")
    return (moment - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """The aware UTC datetime of microseconds since 1970-01-01T00:00Z."""
    return EPOCH + timedelta(microseconds=micros)


def iso(micros: int | None) -> str | None:
    """ISO 8601 UTC with a trailing Z; None stays None."""
    if micros is None:
        return None
    return from_micros(micros).isoformat().replace("+00:00", "Z")


def parse_duration(text: str, field: str = "lookback") -> timedelta | None:
    """`90d`, `12h`, `30m`, `45s`, `2w` or `none` (no limit: None).

    Raises Refusal for anything else.
    """
    if text == "none":
        return None
    match = _DURATION.fullmatch(text)
    if match is None:
        raise Refusal(
            "bad_duration", field, f"{text!r} is not a duration; write it like 90d, 12h or none"
        )
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def zone_of(name: str | None, field: str = "timezone") -> ZoneInfo | None:
    """The zone of an IANA name, None for none. Raises Refusal `unknown_timezone`."""
    if not name:
        return None
    if name not in available_timezones():
        raise Refusal(
            "unknown_timezone",
            field,
            f"{name[:60]!r} is not an IANA time zone; write it like Europe/Berlin",
        )
    return ZoneInfo(name)


def format_duration(duration: timedelta | None) -> str:
    """The shortest text that parse_duration reads back to the same duration."""
    if duration is None:
        return "none"
    seconds = int(duration.total_seconds())
    for letter, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{letter}"
    return f"{seconds}s"


@dataclass(frozen=True)
class Period:
    """Half-open `[start, end)` between two aware moments, with the zone its days are counted in."""

    start: datetime
    end: datetime
    zone: ZoneInfo

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise Refusal("empty_period", "to", "`to` must lie after `from`")

    @classmethod
    def from_dates(cls, first_day: date, day_after: date, zone: ZoneInfo) -> "Period":
        """Whole days of the zone, from the start of first_day to the start of day_after."""
        return cls(
            datetime(first_day.year, first_day.month, first_day.day, tzinfo=zone),
            datetime(day_after.year, day_after.month, day_after.day, tzinfo=zone),
            zone,
        )

    @property
    def start_micros(self) -> int:
        return to_micros(self.start)

    @property
    def end_micros(self) -> int:
        return to_micros(self.end)
